//! The bar on the program's buttons in the taskbar of Windows: green while bytes move, yellow while everything is paused.

use winsafe::{
    AnyResult, CoCreateInstance, CoInitializeEx, EnumWindows, GetCurrentProcessId, HWND, ITaskbarList3,
    IUnknown, co,
    prelude::{shell_ITaskbarList, shell_ITaskbarList3},
};

use super::TaskbarProgress;

/// The steps of a whole bar.
const STEPS: u64 = 1_000;

/// The windows of this program that have a button in the taskbar.
pub(in crate::app::desktop) struct TaskbarButtons(Vec<HWND>);

impl TaskbarButtons {
    /// The windows that have a button now. A window that is out of sight has none.
    pub(in crate::app::desktop) fn find() -> AnyResult<Self> {
        let process = GetCurrentProcessId();
        let mut windows = Vec::new();
        EnumWindows(|window| {
            if window.GetWindowThreadProcessId().1 == process && has_button(&window) {
                windows.push(window);
            }
            true
        })?;
        if windows.is_empty() { Err("no window has a button".into()) } else { Ok(Self(windows)) }
    }

    /// Shows how far the transfers have come; `None` for no bar.
    pub(in crate::app::desktop) fn show(&self, progress: Option<TaskbarProgress>) -> AnyResult<()> {
        // Only for this call: a thread that keeps such an apartment would have to take messages all the time.
        let _apartment = CoInitializeEx(co::COINIT::APARTMENTTHREADED)?;
        let taskbar: ITaskbarList3 =
            CoCreateInstance(&co::CLSID::TaskbarList, None::<&IUnknown>, co::CLSCTX::INPROC_SERVER)?;
        taskbar.HrInit()?;
        for window in &self.0 {
            let Some(progress) = progress else {
                taskbar.SetProgressState(window, co::TBPF::NOPROGRESS)?;
                continue;
            };
            let state = if progress.is_paused { co::TBPF::PAUSED } else { co::TBPF::NORMAL };
            taskbar.SetProgressState(window, state)?;
            let steps = (progress.fraction * STEPS as f32) as u64;
            taskbar.SetProgressValue(window, steps, STEPS)?;
        }
        Ok(())
    }
}

/// Whether the taskbar has a button for a window: one that is shown, belongs to no other and is no tool.
fn has_button(window: &HWND) -> bool {
    window.IsWindowVisible()
        && window.GetWindow(co::GW::OWNER).is_err()
        && !window.style_ex().has(co::WS_EX::TOOLWINDOW)
}
