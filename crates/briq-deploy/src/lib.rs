//! briq-deploy
