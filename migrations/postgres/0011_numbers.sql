-- An identity of PostgreSQL never gives a number again.
SELECT 1;
