//! The ring against a `VecDeque`, between threads, and under loom.

use super::ring;

#[test]
fn one_page_takes_turns() {
    let (mut producer, mut consumer) = ring(1, 64);
    for n in 0..5 {
        producer.open().unwrap()[0] = n;
        producer.publish();
        assert!(producer.open().is_none());
        assert_eq!(consumer.front().unwrap()[0], n);
        consumer.release();
        assert!(consumer.front().is_none());
    }
}
