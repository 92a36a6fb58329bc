package thalweg.peers;

import java.io.IOException;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.types.Row;
import org.apache.flink.util.CloseableIterator;

/** A changelog folded to its final state, as sorted lines of CSV; {@code bench/src/nexmark/line.rs} says how cells are written. */
final class Results {
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss.SSS");

    private Results() {}

    static void write(CloseableIterator<Row> changes, String path) throws IOException {
        Map<String, Integer> rows = new HashMap<>();
        changes.forEachRemaining(change -> {
            int by = switch (change.getKind()) {
                case INSERT, UPDATE_AFTER -> 1;
                case DELETE, UPDATE_BEFORE -> -1;
            };
            rows.merge(line(change), by, (a, b) -> a + b == 0 ? null : a + b);
        });
        List<byte[]> lines = new ArrayList<>();
        rows.forEach((line, times) -> {
            for (int time = 0; time < times; time++) {
                lines.add((line + "\n").getBytes(StandardCharsets.UTF_8));
            }
        });
        lines.sort(Arrays::compareUnsigned);
        StringBuilder text = new StringBuilder();
        lines.forEach(line -> text.append(new String(line, StandardCharsets.UTF_8)));
        Files.writeString(Path.of(path), text);
    }

    private static String line(Row row) {
        StringBuilder line = new StringBuilder();
        for (int cell = 0; cell < row.getArity(); cell++) {
            line.append(cell == 0 ? "" : ",").append(cell(row.getField(cell)));
        }
        return line.toString();
    }

    private static String cell(Object value) {
        if (value == null) {
            return "";
        } else if (value instanceof LocalDateTime time) {
            return TIME.format(time);
        } else if (value instanceof BigDecimal decimal) {
            return decimal.setScale(3, RoundingMode.UNNECESSARY).toPlainString();
        } else if (value instanceof String text) {
            boolean quoted = text.isEmpty() || text.matches("(?s).*[,\"\n\r].*");
            return quoted ? '"' + text.replace("\"", "\"\"") + '"' : text;
        }
        return value.toString();
    }
}
