//! The rules of a recipe that its schema cannot express.

use super::Recipe;
use super::position::Broken;

impl Recipe {
    pub(super) fn check(&self) -> Result<(), Broken> {
        Ok(())
    }
}
