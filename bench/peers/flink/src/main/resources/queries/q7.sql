SELECT b.auction, b.price, b.bidder, b.ts, b.extra
FROM bid b
JOIN (
    SELECT MAX(price) AS price, window_end AS ts
    FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '10' SECOND))
    GROUP BY window_start, window_end
) highest
ON b.price = highest.price
WHERE b.ts BETWEEN highest.ts - INTERVAL '10' SECOND AND highest.ts
