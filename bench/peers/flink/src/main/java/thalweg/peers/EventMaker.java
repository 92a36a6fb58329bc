package thalweg.peers;

import static thalweg.peers.Texts.text;

import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.data.TimestampData;
import org.apache.flink.table.data.binary.BinaryStringData;

/**
 * What event {@code n} is: the same as in {@code bench/src/nexmark/generator/events.rs}, as a row of the table.
 *
 * <p>Texts that are cut or chosen are not copied, so that the generator takes as little of a run as it can.
 */
final class EventMaker {
    static final int PERSON = 0;
    static final int AUCTION = 1;
    static final int BID = 2;

    private static final String[] STATES = {"AZ", "CA", "ID", "OR", "WA", "WY"};
    private static final String[] CITIES = {
        "Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland", "Bend", "Redmond", "Seattle", "Kent", "Cheyenne"
    };
    private static final String[] FIRST_NAMES = {
        "Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"
    };
    private static final String[] LAST_NAMES = {
        "Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"
    };

    private static final long PERSONS = 1;
    private static final long AUCTIONS = 3;
    private static final long ROUND = 50;
    private static final long FIRST_ID = 1_000;
    private static final long ACTIVE_PERSONS = 1_000;
    private static final long ACTIVE_AUCTIONS = 100;
    private static final long LEAD = 10;
    private static final long HOT = 100;
    private static final long PER_SECOND = 10_000;
    private static final long START = 1_436_918_400_000L;
    private static final long SEED = 0;

    private final Dice dice = new Dice();
    private final Texts texts = new Texts(SEED);
    private final Prices prices = new Prices();

    RowData make(long n) {
        dice.of(SEED, n);
        long at = timeOf(n);
        long place = n % ROUND;
        if (place >= PERSONS + AUCTIONS) {
            return GenericRowData.of(BID, null, null, bid(n, at));
        } else if (place >= PERSONS) {
            return GenericRowData.of(AUCTION, null, auction(n, at), null);
        }
        return GenericRowData.of(PERSON, person(n, at), null, null);
    }

    private GenericRowData bid(long n, long at) {
        int channel = dice.allButOneIn(2) ? texts.hotChannel(dice) : texts.otherChannel(dice);
        long auction = FIRST_ID + (dice.allButOneIn(2) ? lastAuction(n) / HOT * HOT : someAuction(n));
        long bidder = FIRST_ID + (dice.allButOneIn(4) ? lastPerson(n) / HOT * HOT + 1 : somePerson(n));
        long price = prices.draw(dice);
        StringData extra = texts.extra(dice, 32, 100);
        return GenericRowData.of(
                auction, bidder, price, texts.channel(channel), texts.url(channel), time(at), extra);
    }

    private GenericRowData auction(long n, long at) {
        long id = FIRST_ID + lastAuction(n);
        long seller = FIRST_ID + (dice.allButOneIn(4) ? lastPerson(n) / HOT * HOT : somePerson(n));
        long category = 10 + dice.below(5);
        long initialBid = prices.draw(dice);
        long reserve = initialBid + prices.draw(dice);
        long horizon = timeOf(n + ACTIVE_AUCTIONS * ROUND / AUCTIONS) - at;
        long expires = at + 1 + dice.below(Math.max(2 * horizon, 1));
        StringData itemName = texts.words(dice, 20);
        StringData description = texts.words(dice, 100);
        StringData extra = texts.extra(dice, 48 + bytesOf(itemName) + bytesOf(description), 500);
        return GenericRowData.of(
                id, itemName, description, initialBid, reserve, time(at), time(expires), seller, category, extra);
    }

    private GenericRowData person(long n, long at) {
        long id = FIRST_ID + lastPerson(n);
        String first = oneOf(FIRST_NAMES);
        String name = first + " " + oneOf(LAST_NAMES);
        StringData user = texts.words(dice, 7);
        String email = user + "@" + texts.words(dice, 5) + ".com";
        StringBuilder card = new StringBuilder(19);
        for (int group = 0; group < 4; group++) {
            long digits = dice.below(10_000);
            card.append(group == 0 ? "" : " ").append(String.format("%04d", digits));
        }
        String city = oneOf(CITIES);
        String state = oneOf(STATES);
        int taken = 8 + name.length() + email.length() + card.length() + city.length() + state.length();
        StringData extra = texts.extra(dice, taken, 200);
        return GenericRowData.of(
                id, text(name), text(email), text(card.toString()), text(city), text(state), time(at), extra);
    }

    private static int bytesOf(StringData text) {
        return ((BinaryStringData) text).getSizeInBytes();
    }

    private String oneOf(String[] texts) {
        return texts[dice.index(texts.length)];
    }

    private static TimestampData time(long millis) {
        return TimestampData.fromEpochMillis(millis);
    }

    private static long timeOf(long n) {
        return START + n * 1_000 / PER_SECOND;
    }

    private static long lastPerson(long n) {
        return n / ROUND * PERSONS + Math.min(n % ROUND, PERSONS - 1);
    }

    private static long lastAuction(long n) {
        long round = n / ROUND;
        long place = n % ROUND;
        return place >= PERSONS
                ? round * AUCTIONS + Math.min(place - PERSONS, AUCTIONS - 1)
                : Math.max(round * AUCTIONS - 1, 0);
    }

    private long somePerson(long n) {
        long persons = lastPerson(n) + 1;
        long active = Math.min(persons, ACTIVE_PERSONS);
        return persons - active + dice.below(active + LEAD);
    }

    private long someAuction(long n) {
        long last = lastAuction(n);
        long first = Math.max(last - ACTIVE_AUCTIONS, 0);
        return first + dice.below(last - first + 1 + LEAD);
    }
}
