SELECT category, AVG(highest) AS price
FROM (
    SELECT MAX(b.price) AS highest, a.category
    FROM auction a, bid b
    WHERE a.id = b.auction AND b.ts BETWEEN a.ts AND a.expires
    GROUP BY a.id, a.category
)
GROUP BY category
