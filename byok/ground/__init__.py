"""What everything stands on: settings, errors, tables, the database and its migrations."""
