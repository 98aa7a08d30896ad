//! Rules and the cases that show them.
