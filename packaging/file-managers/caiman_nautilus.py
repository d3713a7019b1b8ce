# "Send with Caiman" in the menu of GNOME Files: /usr/share/nautilus-python/extensions/caiman_nautilus.py
# Needs the package python3-nautilus (nautilus-python); without it this file does nothing.

import locale
import subprocess

from gi.repository import GObject, Nautilus

GERMAN = (locale.getlocale(locale.LC_MESSAGES)[0] or "").startswith("de")


class Caiman(GObject.GObject, Nautilus.MenuProvider):
    # Files up to version 42 passes its window first, which nothing here needs.
    def get_file_items(self, *args):
        paths = [file.get_location().get_path() for file in args[-1]]
        # What is not on this computer, nor mounted into it, has no path.
        if not paths or None in paths:
            return []
        item = Nautilus.MenuItem(name="Caiman::Send", label="Mit Caiman senden" if GERMAN else "Send with Caiman")
        item.connect("activate", lambda _: subprocess.Popen(["caiman", *paths], start_new_session=True))
        return [item]

    def get_background_items(self, *args):
        return []
