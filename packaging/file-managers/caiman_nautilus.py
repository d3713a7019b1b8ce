# "Send with Caiman" in the menu of GNOME Files: /usr/share/nautilus-python/extensions/caiman_nautilus.py
# Needs the package python3-nautilus (nautilus-python); without it this file does nothing.

import locale
import subprocess

from gi.repository import GObject, Nautilus

LABELS = {"de": "Mit Caiman senden", "fr": "Envoyer avec Caiman"}
LABEL = LABELS.get(locale.setlocale(locale.LC_MESSAGES)[:2], "Send with Caiman")


class Caiman(GObject.GObject, Nautilus.MenuProvider):
    # Files up to version 42 passes its window first, which nothing here needs.
    def get_file_items(self, *args):
        paths = [file.get_location().get_path() for file in args[-1]]
        # What is not on this computer, nor mounted into it, has no path.
        if not paths or None in paths:
            return []
        item = Nautilus.MenuItem(name="Caiman::Send", label=LABEL)
        item.connect("activate", lambda _: subprocess.Popen(["caiman", *paths], start_new_session=True))
        return [item]

    def get_background_items(self, *args):
        return []
