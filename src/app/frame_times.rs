//! How long frames take.

/// How long frames take, for whoever asks with `CAIMAN_LOG=caiman::app=debug`: laying the page out, and all of it with
/// the painting, which without a graphics card is this processor's work too.
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

    /// Notes how many seconds the layout and the whole of one frame took.
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
