//! Recurrent cells.
