package thalweg.peers;

import org.apache.flink.table.functions.ScalarFunction;

/** How often a letter is in a text, for q14. */
public final class CountChar extends ScalarFunction {
    private static final long serialVersionUID = 1L;

    public long eval(String text, String letter) {
        long count = 0;
        if (text != null) {
            for (int at = 0; at < text.length(); at++) {
                if (text.charAt(at) == letter.charAt(0)) {
                    count++;
                }
            }
        }
        return count;
    }
}
