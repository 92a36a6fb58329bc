package thalweg.peers;

/** Random numbers of one event: SplitMix64, bit for bit as in {@code bench/src/nexmark/generator/dice.rs}. */
final class Dice {
    private static final long STEP = 0x9e37_79b9_7f4a_7c15L;

    private long state;

    private static long mix(long z) {
        z = (z ^ (z >>> 30)) * 0xbf58_476d_1ce4_e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d0_49bb_1331_11ebL;
        return z ^ (z >>> 31);
    }

    /** The dice of number {@code n}. */
    void of(long seed, long n) {
        state = mix(mix(n + STEP) ^ (seed * STEP));
    }

    long draw() {
        state += STEP;
        return mix(state);
    }

    /** A number below {@code limit}: the upper half of the unsigned product. */
    long below(long limit) {
        long drawn = draw();
        return Math.multiplyHigh(drawn, limit) + ((drawn >> 63) & limit);
    }

    int index(int limit) {
        return (int) below(limit);
    }

    /** True in all but one of {@code ratio} cases. */
    boolean allButOneIn(long ratio) {
        return below(ratio) > 0;
    }
}
