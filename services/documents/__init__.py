"""Money documents as files: a statement as CSV and PDF, an invoice as PDF. Plain values in, text or bytes out."""
