package thalweg.peers;

/** Prices from 100 to 100,000,000, as many of each magnitude; as in {@code bench/src/nexmark/generator/events.rs}. */
final class Prices {
    private static final int POINTS = 2_048;

    private final double[] powers = new double[POINTS + 1];

    Prices() {
        for (int point = 0; point <= POINTS; point++) {
            powers[point] = StrictMath.pow(10.0, 6.0 * point / POINTS) * 100.0;
        }
    }

    long draw(Dice dice) {
        long drawn = dice.draw() >>> 11;
        double place = drawn * ((double) POINTS / (double) (1L << 53));
        int point = (int) place;
        double below = powers[point];
        double above = powers[point + 1];
        return (long) (below + (above - below) * (place - point) + 0.5);
    }
}
