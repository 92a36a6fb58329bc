package thalweg.peers;

import java.nio.charset.StandardCharsets;
import org.apache.flink.table.data.StringData;

/** Random texts, and the channels with their urls; as in {@code bench/src/nexmark/generator/texts.rs}. */
final class Texts {
    private static final int POOL_BYTES = 1 << 15;
    private static final int LONGEST = 1_024;
    private static final int CHANNELS = 10_000;
    private static final String[] HOT_CHANNELS = {"Google", "Facebook", "Baidu", "Apple"};

    private final byte[] exact = new byte[(POOL_BYTES + LONGEST + 5) / 6 * 6];
    private final StringData[] channels = new StringData[HOT_CHANNELS.length + CHANNELS];
    private final StringData[] urls = new StringData[HOT_CHANNELS.length + CHANNELS];

    Texts(long seed) {
        Dice dice = new Dice();
        dice.of(seed, -1L);
        for (int at = 0; at < exact.length; ) {
            boolean upwards = dice.below(2) == 0;
            for (int letter = 0; letter < 6; letter++) {
                int by = dice.index(26);
                exact[at++] = (byte) (upwards ? 'a' + by : 'a' - by);
            }
        }
        for (int hot = 0; hot < HOT_CHANNELS.length; hot++) {
            channels[hot] = text(HOT_CHANNELS[hot]);
            urls[hot] = url(dice, null);
        }
        for (int number = 0; number < CHANNELS; number++) {
            boolean named = dice.allButOneIn(10);
            long id = Math.abs((long) Integer.reverse(number));
            channels[HOT_CHANNELS.length + number] = text("channel-" + number);
            urls[HOT_CHANNELS.length + number] = url(dice, named ? id : null);
        }
    }

    static StringData text(String text) {
        return StringData.fromBytes(text.getBytes(StandardCharsets.UTF_8));
    }

    /** The place of one of the hot channels. */
    int hotChannel(Dice dice) {
        return dice.index(HOT_CHANNELS.length);
    }

    /** The place of one of the others. */
    int otherChannel(Dice dice) {
        return HOT_CHANNELS.length + dice.index(CHANNELS);
    }

    StringData channel(int place) {
        return channels[place];
    }

    StringData url(int place) {
        return urls[place];
    }

    /** Cut from the text that is made once; nothing is copied. */
    StringData extra(Dice dice, int taken, int average) {
        int rest = average - taken;
        if (rest < 0) {
            return text("");
        }
        int spread = (rest * 2 + 5) / 10;
        int length = rest - spread + (spread > 0 ? dice.index(2 * spread) : 0);
        int from = dice.index(POOL_BYTES);
        return StringData.fromBytes(exact, from, Math.min(length, LONGEST));
    }

    /** A text of letters and some spaces, of three to less than {@code limit} characters, without spaces around it. */
    static String words(Dice dice, int limit, char space) {
        int length = 3 + dice.index(limit - 3);
        char[] text = new char[length];
        for (int at = 0; at < length; at++) {
            text[at] = dice.below(13) == 0 ? space : (char) ('a' + dice.index(26));
        }
        return new String(text).trim();
    }

    private static StringData url(Dice dice, Long channelId) {
        String a = words(dice, 5, '_');
        String b = words(dice, 5, '_');
        String c = words(dice, 5, '_');
        String id = channelId == null ? "" : "&channel_id=" + channelId;
        return text("https://www.nexmark.com/" + a + "/" + b + "/" + c + "/item.htm?query=1" + id);
    }
}
