"""Pure life-cycle of incidents: no clock, no database, no network; everything comes in as events."""
