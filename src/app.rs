//! The window: what a person sees, on top of the engine's commands and events.
