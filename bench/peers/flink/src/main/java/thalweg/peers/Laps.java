package thalweg.peers;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;

/** When a run began, when half of its events were made, and when it ended; as in {@code bench/src/peers/laps.rs}. */
final class Laps {
    private static final OperatingSystemMXBean SYSTEM =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    /** The job runs in this process, in another thread. */
    static volatile Laps current;

    private final Order order;
    private long beganUnixNs;
    private long beganNs;
    private long beganCpuNs;
    private long halfNs;
    private long halfCpuNs;

    Laps(Order order) {
        this.order = order;
    }

    /** The event in the middle. */
    long middle() {
        return order.events() / 2;
    }

    synchronized void begin() {
        beganUnixNs = System.currentTimeMillis() * 1_000_000;
        beganNs = System.nanoTime();
        beganCpuNs = SYSTEM.getProcessCpuTime();
    }

    synchronized void half() {
        halfNs = System.nanoTime();
        halfCpuNs = SYSTEM.getProcessCpuTime();
    }

    /** The outcome as one line of JSON. */
    synchronized String end(String version, String settings) throws IOException {
        long endNs = System.nanoTime();
        long endCpuNs = SYSTEM.getProcessCpuTime();
        return "{\"engine\":\"flink\",\"version\":\"" + version + "\",\"settings\":\"" + settings
                + "\",\"events\":" + order.events()
                + ",\"startup_ns\":" + Math.max(beganUnixNs - order.startedUnixNs(), 0)
                + ",\"elapsed_ns\":" + (endNs - beganNs)
                + ",\"cpu_ns\":" + (endCpuNs - beganCpuNs)
                + ",\"warm_ns\":" + (endNs - halfNs)
                + ",\"warm_cpu_ns\":" + (endCpuNs - halfCpuNs)
                + ",\"warm_events\":" + (order.events() - middle())
                + ",\"peak_bytes\":" + peakBytes() + "}";
    }

    private static long peakBytes() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmHWM:")) {
                return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1_024;
            }
        }
        return 0;
    }
}
