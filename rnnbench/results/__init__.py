"""From records to statistics, tables and curves. Never imports torch."""
