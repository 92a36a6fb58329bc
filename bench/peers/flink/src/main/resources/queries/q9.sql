SELECT id, itemName, description, initialBid, reserve, ts, expires, seller, category, extra,
    auction, bidder, price, bidTime, bidExtra
FROM (
    SELECT a.*, b.auction, b.bidder, b.price, b.ts AS bidTime, b.extra AS bidExtra,
        ROW_NUMBER() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.ts ASC) AS place
    FROM auction a, bid b
    WHERE a.id = b.auction AND b.ts BETWEEN a.ts AND a.expires
)
WHERE place <= 1
