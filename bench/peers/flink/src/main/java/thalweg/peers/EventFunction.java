package thalweg.peers;

import java.util.List;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.connector.datagen.source.GeneratorFunction;
import org.apache.flink.table.data.RowData;

/** Gives the event of a number, made now or before the run. */
public final class EventFunction implements GeneratorFunction<Long, RowData> {
    private static final long serialVersionUID = 1L;

    /** Events that were made before the run; null if they are made in it. */
    static volatile List<RowData> prepared;

    private transient EventMaker maker;
    private transient List<RowData> events;
    private transient Laps laps;

    @Override
    public void open(SourceReaderContext context) {
        events = prepared;
        maker = events == null ? new EventMaker() : null;
        laps = Laps.current;
    }

    @Override
    public RowData map(Long number) {
        long n = number;
        if (n == 0) {
            laps.begin();
        }
        if (n == laps.middle()) {
            laps.half();
        }
        return events == null ? maker.make(n) : events.get((int) n);
    }
}
