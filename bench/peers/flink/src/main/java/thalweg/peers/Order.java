package thalweg.peers;

/** What a contestant is told on its command line; as in {@code bench/src/peers/order.rs}. */
record Order(String query, long events, boolean prepared, long startedUnixNs, String results) {
    static Order of(String[] arguments) {
        String query = "q0";
        long events = 100_000;
        boolean prepared = false;
        long started = 0;
        String results = null;
        for (String argument : arguments) {
            String[] parts = argument.split("=", 2);
            String value = parts.length == 2 ? parts[1] : "";
            switch (parts[0]) {
                case "--query" -> query = value;
                case "--events" -> events = Long.parseLong(value);
                case "--feed" -> {
                    if (value.equals("lean")) {
                        throw new IllegalArgumentException("the source of the table emits whole rows");
                    }
                    prepared = value.equals("prepared");
                }
                case "--workers" -> {
                    if (!value.equals("1")) {
                        throw new IllegalArgumentException("only with one worker is the order of events the generator's");
                    }
                }
                case "--started-unix-ns" -> started = Long.parseLong(value);
                case "--results" -> results = value;
                default -> throw new IllegalArgumentException("unknown: " + argument);
            }
        }
        return new Order(query, events, prepared, started, results);
    }
}
