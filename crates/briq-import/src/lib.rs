//! Networks of other frameworks, read into a [`briq_graph::Graph`].
