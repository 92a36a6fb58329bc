package thalweg.peers;

import org.apache.flink.table.data.RowData;

/** A number that all fields of all events go into, as {@code bench/src/peers/fingerprint.rs} has it. */
final class Fingerprint {
    private static final long PRIME = 0x0000_0100_0000_01b3L;

    private long hash = 0xcbf2_9ce4_8422_2325L;

    static long of(long events) {
        EventMaker maker = new EventMaker();
        Fingerprint fingerprint = new Fingerprint();
        for (long n = 0; n < events; n++) {
            fingerprint.event(maker.make(n));
        }
        return fingerprint.hash;
    }

    private void word(long word) {
        hash = (hash ^ word) * PRIME;
    }

    private void words(RowData row, int... places) {
        for (int place : places) {
            word(row.getLong(place));
        }
    }

    private void time(RowData row, int place) {
        word(row.getTimestamp(place, 3).getMillisecond());
    }

    private void texts(RowData row, int... places) {
        for (int place : places) {
            byte[] bytes = row.getString(place).toBytes();
            for (byte letter : bytes) {
                word(letter);
            }
            word(bytes.length);
        }
    }

    private void event(RowData event) {
        int kind = event.getInt(0);
        word(kind);
        RowData row = event.getRow(1 + kind, kind == EventMaker.AUCTION ? 10 : kind == EventMaker.BID ? 7 : 8);
        switch (kind) {
            case EventMaker.PERSON -> {
                words(row, 0);
                texts(row, 1, 2, 3, 4, 5);
                time(row, 6);
                texts(row, 7);
            }
            case EventMaker.AUCTION -> {
                words(row, 0);
                texts(row, 1, 2);
                words(row, 3, 4);
                time(row, 5);
                time(row, 6);
                words(row, 7, 8);
                texts(row, 9);
            }
            default -> {
                words(row, 0, 1, 2);
                texts(row, 3, 4);
                time(row, 5);
                texts(row, 6);
            }
        }
    }
}
