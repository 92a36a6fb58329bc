//! What the event time of a running job waits for.

use super::JobHandle;
use crate::metrics::WatermarkHold;
use crate::rt::now_ns;

impl JobHandle {
    /// For each operator how far its event time is and what holds it: which source, split and worker, and since when. Each is data,
    /// and prints as a sentence:
    ///
    /// ```text
    /// `hourly` waits at 2013-01-02T05:00:00Z for source `departures`, split `jan.csv` on worker 1, for 3.2 s
    /// ```
    ///
    /// Read from the workers' cells without a lock, and about a millisecond old.
    pub fn explain_watermark(&self) -> Vec<WatermarkHold> {
        self.life.shared().metrics.explain_watermark(now_ns())
    }
}
