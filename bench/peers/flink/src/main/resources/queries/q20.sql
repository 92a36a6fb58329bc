SELECT b.auction, b.bidder, b.price, b.channel, b.url, b.ts AS bidTime, b.extra AS bidExtra,
    a.itemName, a.description, a.initialBid, a.reserve, a.ts, a.expires, a.seller, a.category, a.extra
FROM bid b JOIN auction a ON b.auction = a.id
WHERE a.category = 10
