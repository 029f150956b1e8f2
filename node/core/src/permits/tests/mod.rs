//! What a county does with its permits: for each thing that is accepted, the like of it that is refused.

mod import;
mod local;
mod moves;
mod officers;
mod register_file;
