package thalweg.peers;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.Table;
import org.apache.flink.table.api.TableDescriptor;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.data.RowData;
import org.apache.flink.runtime.util.EnvironmentInformation;

/**
 * Nexmark as SQL on Flink, in a cluster within this process.
 *
 * <pre>
 * Main --query=q5 --events=1000000 [--feed=prepared] [--results=FILE]
 * Main fingerprint 1000000
 * </pre>
 */
public final class Main {
    /** As the field's own harness for Flink sets them, and objects reused, as the documentation advises for throughput. */
    private static final String[][] SETTINGS = {
        {"parallelism.default", "1"},
        {"pipeline.object-reuse", "true"},
        {"state.backend.type", "hashmap"},
        {"table.exec.mini-batch.enabled", "true"},
        {"table.exec.mini-batch.allow-latency", "2s"},
        {"table.exec.mini-batch.size", "50000"},
        {"table.optimizer.distinct-agg.split.enabled", "true"},
        {"table.local-time-zone", "UTC"},
        {"taskmanager.memory.managed.size", "512m"},
        {"taskmanager.memory.network.min", "128m"},
        {"taskmanager.memory.network.max", "128m"},
    };

    private Main() {}

    public static void main(String[] arguments) throws Exception {
        if (arguments.length == 2 && arguments[0].equals("fingerprint")) {
            System.out.println(Long.toUnsignedString(Fingerprint.of(Long.parseLong(arguments[1]))));
            return;
        }
        Order order = Order.of(arguments);
        if (order.prepared()) {
            EventFunction.prepared = prepared(order.events());
        }
        Laps.current = new Laps(order);
        StreamTableEnvironment tables = tables(order);
        Table result = tables.sqlQuery(sql(order.query()));
        if (order.results() == null) {
            result.executeInsert(TableDescriptor.forConnector("blackhole").build()).await();
        } else {
            Results.write(tables.toChangelogStream(result).executeAndCollect(), order.results());
        }
        System.out.println(Laps.current.end(EnvironmentInformation.getVersion(), settings()));
        // The threads of the cluster would keep the process.
        System.exit(0);
    }

    private static List<RowData> prepared(long events) {
        EventMaker maker = new EventMaker();
        List<RowData> rows = new ArrayList<>((int) events);
        for (long n = 0; n < events; n++) {
            rows.add(maker.make(n));
        }
        return rows;
    }

    private static StreamTableEnvironment tables(Order order) throws IOException {
        Configuration configuration = new Configuration();
        for (String[] setting : SETTINGS) {
            configuration.setString(setting[0], setting[1]);
        }
        StreamExecutionEnvironment streams = StreamExecutionEnvironment.getExecutionEnvironment(configuration);
        StreamTableEnvironment tables = StreamTableEnvironment.create(streams);
        tables.createTemporarySystemFunction("count_char", CountChar.class);
        for (String statement : sql("tables").replace("${events}", Long.toString(order.events())).split(";")) {
            if (!statement.isBlank()) {
                tables.executeSql(statement);
            }
        }
        return tables;
    }

    private static String settings() {
        StringBuilder settings = new StringBuilder("in-process cluster, checkpoints off");
        for (String[] setting : SETTINGS) {
            settings.append(", ").append(setting[0]).append('=').append(setting[1]);
        }
        return settings.append(", -Xmx").append(Runtime.getRuntime().maxMemory() >> 20).append('m').toString();
    }

    private static String sql(String name) throws IOException {
        try (InputStream file = Main.class.getResourceAsStream("/queries/" + name + ".sql")) {
            if (file == null) {
                throw new IllegalArgumentException("`" + name + "` is not written for Flink");
            }
            return new String(file.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
