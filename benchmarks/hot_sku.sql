BEGIN;
UPDATE bench.stock SET reserved = reserved + 1 WHERE id = 1 AND current >= reserved + 1;
INSERT INTO bench.orders (email, total) VALUES ('a@example.com', 2000) RETURNING id \gset
INSERT INTO bench.lines (order_id, sku, price) VALUES (:id, 'HOT', 1000), (:id, 'OTHER', 1000);
INSERT INTO bench.entries (order_id, account, amount) VALUES (:id, 1, 2000), (:id, 2, -2000), (:id, 2, 230), (:id, 3, -230);
COMMIT;
