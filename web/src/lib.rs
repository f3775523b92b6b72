//! The traveller's page: it asks, shows and waits.
