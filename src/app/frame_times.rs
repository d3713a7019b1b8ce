//! Measures frames, for the log.

/// Collects how long frames take and logs it with `CAIMAN_LOG=caiman::app=debug`: the layout of the page, and the
/// whole frame. Without a graphics card the whole includes the painting, which is then this processor's work.
#[derive(Default)]
pub(super) struct FrameTimes {
    count: u32,
    layout: f32,
    longest_layout: f32,
    whole: f32,
    longest_whole: f32,
}

impl FrameTimes {
    const BATCH: u32 = 100;

    /// Adds one frame: the seconds that its layout took, and the whole of it where that is known.
    pub(super) fn note(&mut self, layout: f32, whole: Option<f32>) {
        self.count += 1;
        self.layout += layout;
        self.longest_layout = self.longest_layout.max(layout);
        let whole = whole.unwrap_or_default();
        self.whole += whole;
        self.longest_whole = self.longest_whole.max(whole);
        if self.count == Self::BATCH {
            let mean_ms = |seconds: f32| seconds * 1e3 / Self::BATCH as f32;
            let (layout_ms, whole_ms) = (mean_ms(self.layout), mean_ms(self.whole));
            tracing::debug!(
                layout_ms,
                longest_layout_ms = self.longest_layout * 1e3,
                whole_ms,
                longest_whole_ms = self.longest_whole * 1e3,
                "{} frames",
                Self::BATCH
            );
            *self = Self::default();
        }
    }
}
