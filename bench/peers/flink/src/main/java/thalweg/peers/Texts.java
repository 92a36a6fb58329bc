package thalweg.peers;

import java.nio.charset.StandardCharsets;
import org.apache.flink.table.data.StringData;

/** Random texts, and the channels with their urls; as in {@code bench/src/nexmark/generator/texts.rs}. */
final class Texts {
    /** Places that texts are cut from. */
    private static final int PLACES = 1 << 15;
    private static final int LONGEST = 1_024;
    private static final int CHANNELS = 10_000;
    private static final String[] HOT_CHANNELS = {"Google", "Facebook", "Baidu", "Apple"};

    private final byte[] exact = new byte[(PLACES + LONGEST + 5) / 6 * 6];
    private final byte[] words = new byte[PLACES + LONGEST];
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
        for (int at = 0; at < words.length; at++) {
            words[at] = (byte) letter(dice, ' ');
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
        int from = dice.index(PLACES);
        return StringData.fromBytes(exact, from, Math.min(length, LONGEST));
    }

    /** Letters and some spaces, none at its ends, of less than {@code limit} characters; cut as well. */
    StringData words(Dice dice, int limit) {
        int length = 3 + dice.index(limit - 3);
        int from = dice.index(PLACES);
        int to = from + length;
        while (from < to && words[from] == ' ') {
            from++;
        }
        while (from < to && words[to - 1] == ' ') {
            to--;
        }
        return StringData.fromBytes(words, from, to - from);
    }

    private static char letter(Dice dice, char space) {
        return dice.below(13) == 0 ? space : (char) ('a' + dice.index(26));
    }

    private static String directory(Dice dice) {
        char[] text = new char[3 + dice.index(2)];
        for (int at = 0; at < text.length; at++) {
            text[at] = letter(dice, '_');
        }
        return new String(text);
    }

    private static StringData url(Dice dice, Long channelId) {
        String a = directory(dice);
        String b = directory(dice);
        String c = directory(dice);
        String id = channelId == null ? "" : "&channel_id=" + channelId;
        return text("https://www.nexmark.com/" + a + "/" + b + "/" + c + "/item.htm?query=1" + id);
    }
}
