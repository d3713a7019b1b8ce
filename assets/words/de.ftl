# Was das Fenster sagt, auf Deutsch. Kurz und klar: was ist geschehen, ist etwas verloren, was nun.

## Größen, Zeiten, Anzahlen

bytes = { $count ->
    [one] { $shown } Byte
   *[other] { $shown } Bytes
}
files = { $count ->
    [one] { $shown } Datei
   *[other] { $shown } Dateien
}
per-second = { $size }/s
hours = { $count } h
minutes = { $count } min
seconds = { $count } s
and-more = { $names } und { $count } weitere
and-others = und weitere
quoted = „{ $text }“

## Kopfzeile

history = Verlauf
settings = Einstellungen
relay = Relay
relay-checking = Relay wird gefragt…
relay-good-hint = Das Relay antwortet. Klicken, um noch einmal zu fragen.
relay-bad = nicht erreichbar
relay-unusable = nicht nutzbar
lead = Wo Codes gelten
lead-anywhere = Überall
lead-nearby = Nur im selben Netz
lead-nowhere = Offline
lead-anywhere-hint = Codes gelten überall, über das Internet. Klicken für die Einstellungen.
lead-relay-only-hint = Codes gelten überall. Wie eingestellt, läuft alles über Relays im Internet. Klicken für die Einstellungen.
lead-no-relay-hint = Kein Relay im Internet antwortet. Caiman versucht es weiter.
lead-not-built-in-hint = Dieses Caiman wurde ohne Übertragungen über das Internet gebaut. Über das lokale Netz hinaus führt ein Relay.
lead-switched-off-hint = Das Internet ist in den Einstellungen ausgeschaltet. Klicken, um das zu ändern.
lead-path-mode-hint = Als Weg ist „Lokales Netz“ eingestellt, deshalb geht nichts über das Internet.

## Erste Schritte

first-title = Willkommen bei Caiman
first-count = { $number } von { $all }
first-name = Wie heißt dieser Computer?
first-folder = Wohin sollen empfangene Dateien?
first-reach = Von wo sollen Ihre Codes gelten?
first-anywhere = Von überall
first-nearby = Nur im selben Netz
first-nearby-means = Nichts geht über das Internet. Absender und Empfänger müssen im selben Netz sein.
first-next = Weiter
first-back = Zurück
first-done = Fertig
first-skip = Überspringen

## Über das Internet, einmal gesagt

internet-first = Ihre Codes gelten überall. Wo zwei Computer einander nicht erreichen, geben öffentliche Relays die verschlüsselten Daten weiter. Sie werden von number 0 betrieben, kostenlos, begrenzt und ohne Zusage. Sie sehen Adressen, Zeiten und Mengen, nie Namen oder Inhalte.
internet-understood = Verstanden
internet-change = In den Einstellungen ändern

## Senden

send = Senden
drop-here = Dateien oder Ordner ablegen
drop-hint = Ende zu Ende verschlüsselt
choose-files = Dateien wählen
choose-folder = Ordner wählen
paste = Einfügen
write-text = Text schreiben
drop-more = Weiteres ablegen
drop-to-send = Ablegen, um zu senden
drop-to-follow = Loslassen, um es derselben Person zu senden
drop-to-add = Ablegen, um hier hinzuzufügen
drop-not-files = { $count } der abgelegten Dinge sind keine Dateien dieses Computers und wurden ausgelassen: { $names }.
drop-web = „{ $address }“ ist eine Webadresse, keine Datei. Um die Adresse zu senden, kopieren Sie sie und fügen Sie sie hier ein; um zu senden, was dort liegt, speichern Sie es zuerst als Datei.
drop-trash = „{ $address }“ liegt im Papierkorb. Stellen Sie es wieder her und ziehen Sie es dann aus seinem Ordner hierher.
drop-elsewhere = „{ $address }“ ist eine Datei eines anderen Computers. Kopieren Sie sie zuerst auf diesen.
drop-place = „{ $address }“ liegt an einem Ort, den nur das andere Programm lesen kann. Kopieren Sie es zuerst auf diesen Computer und ziehen Sie dann die Kopie hierher.
drop-no-file = „{ $address }“ ist keine Datei dieses Computers und wurde ausgelassen.
drop-unreached = „{ $address }“ ist nicht erreichbar: Es ist verschwunden, oder Ihr Benutzerkonto darf es nicht lesen.
drop-picture = Das ist ein Bild ohne Datei. Speichern Sie es zuerst und ziehen Sie dann die Datei hierher.
drop-lost = Nichts von dem, was hier gezogen wird, kann angenommen werden, weil dies von seinem Ort aus nicht gesendet werden kann: { $names }. Ziehen Sie den Rest für sich.
drop-unreadable = Das andere Programm hat nicht gesagt, welche Dateien das sind. Nehmen Sie stattdessen „Dateien wählen“.
pick-files = Dateien zum Senden wählen
pick-folder = Ordner zum Senden wählen
text-to-send = Ein Text zum Senden
text-hint = Text hier schreiben oder einfügen
text-means = Die andere Person bekommt genau diesen Text.
text-send = Code holen
nothing-to-paste = In der Zwischenablage sind weder Dateien noch Text noch ein Bild.
no-file-dialog = Auf diesem Desktop erscheint kein Dateidialog. Es fehlt „zenity“ oder ein Desktop-Portal mit Dateiauswahl, zum Beispiel „xdg-desktop-portal-gtk“.
late-file-dialog = Falls kein Dateidialog erschienen ist: Das Desktop-Portal antwortet nicht.
without-file-dialog = Sie können Dateien auf das Fenster ziehen, sie im Dateimanager kopieren und hier einfügen oder „caiman DATEI…“ starten.
without-folder-dialog = „caiman receive CODE --out ORDNER“ empfängt in jedem Ordner.
engine-ended = Caimans Kern ist ausgefallen. Schließen Sie Caiman und starten Sie es neu; was angekommen ist, bleibt erhalten.
engine-busy = Es geschieht zu viel auf einmal. Warten Sie einen Moment und versuchen Sie es noch einmal.
receive-needs-relay = Dieser Code allein sagt nicht, wo der Sender ist. Fügen Sie stattdessen den Einladungslink ein, oder tragen Sie das Relay des Senders in den Einstellungen ein.

## Empfangen

receive = Empfangen
receive-hint = Die vier Wörter des Senders eingeben
receive-button = Empfangen
code = Code
code-example = tulip-acid-coyote-mustard
server-forget = Überall suchen
key-tab = Tab
completion = Zu { $word } ergänzen
save-to = Sichern in
save-to-change = Woanders sichern
pick-destination = Wählen, wo gesichert wird
croc-code = Das ist ein Code von croc. Er schützt weniger als einer von Caiman.
croc-weaker = croc: schwächer als ein Code von Caiman
croc-bad-relay = Das Relay in dieser Zeile von croc hat keine gültige Adresse.
slip = „{ $word }“ ist keines der Wörter.
slip-take = { $code } verwenden
clipboard-code = In der Zwischenablage ist ein Code: { $code }
clipboard-take = Verwenden
code-too-short = Ein Code hat mindestens vier Wörter; hier sind es { $found }.
code-unknown-word = „{ $word }“ ist keines der Wörter. Vergleichen Sie es mit dem des Senders.
code-several = Hier stehen mehrere Codes. Fügen Sie nur den gewünschten ein.
code-web-address = Das ist eine Webadresse. Ein Code besteht aus vier Wörtern.
code-bad-link = Dieser Einladungslink ist beschädigt. Bitten Sie noch einmal darum, oder tippen Sie die Wörter.
code-none = Hier steht kein Code. Geben Sie die Wörter des Senders ein.
step-code = Der Sender legt Dateien ab und bekommt vier Wörter.
step-type = Er sagt Ihnen die Wörter; Sie geben sie hier ein.
step-accept = Sie sehen, was angeboten wird, und nehmen es an oder nicht.

## Personen

people = Personen
people-hint = Klicken, um Dateien zu senden, oder Dateien auf einen Namen ziehen. Ein Code ist nicht nötig.
people-problem = Mit der Liste der Personen stimmt etwas nicht: { $detail }
people-wait-broke = In Caiman ist etwas schiefgegangen: Personen können diesem Computer nichts senden, bis Caiman neu gestartet ist.
people-too-many = Mehr als { $most } Personen werden nicht behalten. Vergessen Sie zuerst eine.
person-unnamed = Computer ohne Namen
person-nearby = in der Nähe
person-reachable = erreichbar
person-away = nicht da
person-sought = wird gesucht …
person-blocked = blockiert
person-send-named = An { $name } senden
person-open-named = Einstellungen zu { $name }
person-more-named = Mehr zu { $name }
person-name = Name
person-name-taken = So heißt schon eine andere Person.
person-unknown = Diese Person steht nicht mehr in Ihrer Liste.
person-trust = Empfangen, ohne zu fragen
person-trust-means = So, wie es ist, werden Sie jedes Mal gefragt.
person-trust-change = Anderer Ordner
person-block = Blockieren
person-block-means = Solange eine Person blockiert ist, hört Caiman ihre Anrufe nicht, und Sie sind für sie nicht da.
person-forget = Vergessen
person-forget-question = { $name } vergessen?
person-forget-means = Dann findet keiner den anderen mehr. Um sich wieder zu treffen, brauchen Sie einen Code.
person-keep = Behalten
drop-to-person = Ablegen, um es an { $name } zu senden
text-to-person = Ein Text für { $name }
remember = { $side ->
    [named] { $who } merken
    [receiver] Empfänger merken
   *[sender] Absender merken
}
remember-means = Haben beide einander gemerkt, ist zwischen Ihnen kein Code mehr nötig.
remember-anew = Ein Computer namens { $who } steht schon in Ihrer Liste. Merken Sie sich diesen nur, wenn es ein anderer ist oder Anrufe ihn nicht mehr erreichen.
remembered = { $name } steht in Ihrer Liste der Personen. Stehen Sie auch in der anderen Liste, ist zwischen Ihnen kein Code mehr nötig.
calls-here = { $side ->
    [named] { $who } sendet Ihnen etwas
   *[sender] Etwas kommt an
}
goes-on-by-itself = { $side ->
    [named] Es geht von selbst weiter, sobald { $who } wieder da ist.
   *[sender] Es geht von selbst weiter, sobald der andere Computer wieder da ist.
}
calling = { $who } wird angerufen …
calling-away = { $who } ist gerade nicht zu finden
calling-away-means = Caiman ruft weiter an. Es muss dort laufen, und beide müssen einander gemerkt haben.
calling-heard = { $who } hat den Anruf gehört
calling-lost = Die Verbindung zu { $who } ist verloren gegangen
calling-lost-means = Caiman ruft wieder an. Was angekommen ist, bleibt, und nur der Rest wird gesendet.

## Übertragungen

transfers = Übertragungen
clear-finished = Fertige entfernen
a-text = Ein Text
more-coming = Mehr vom selben Absender
a-transfer = Übertragung
pause-named = { $name } anhalten
resume-named = { $name } fortsetzen
to-named = an { $who }
from-named = von { $who }
more-named = Dem Empfänger von { $name } mehr senden
cancel-named = { $name } abbrechen
unfold-named = Mehr von { $name } zeigen
fold-named = Weniger von { $name } zeigen
show-details = Einzelheiten
hide-details = Einzelheiten ausblenden
stop-keep = Weitermachen
stop-sending = Senden beenden? Was vollständig ist, behält der Empfänger.
stop-receiving = Empfangen beenden? Was vollständig ist, bleibt.
stop = Beenden
pause-all = Alle anhalten
resume-all = Alle fortsetzen
transfers-of = { $count ->
    [one] { $count } Übertragung
   *[other] { $count } Übertragungen
}
files-of = { $done } von { $total } Dateien
file-list = Dateien dieser Übertragung
file-waiting = { $size } · wartet
file-moving = { $percent } % von { $size }
file-stored = { $size } · angekommen
file-withdrawn = nicht gesendet
saving-in = nach { $folder }
dismiss-named = { $name } aus der Liste entfernen
progress-named = Fortschritt von { $name }
graph = Geschwindigkeit der letzten Minute
close = Schließen
copied = Kopiert

## Unfertige Übertragungen

unfinished = Unfertig
unfinished-hint = Bitten Sie den Sender, noch einmal zu senden. Es kommt nur, was fehlt.
unfinished-goes-on = Geht von selbst weiter, sobald { $who } wieder da ist
held-of = { $held } von { $total } hier
resume = Fortsetzen
resume-means = Bitten Sie darum, es noch einmal zu senden; geben Sie hier den neuen Code ein. Was angekommen ist, bleibt und wird nicht zweimal gesendet.
resume-into = Auch der Rest kommt nach { $folder }.
resume-undo = Etwas anderes empfangen
discard = Verwerfen
discard-named = { $name } verwerfen
discard-question = Angekommenes verwerfen?
discard-means = { $held } in { $folder } werden gelöscht. Wird es noch einmal gesendet, kommt alles von vorn.
discard-keep = Behalten
not-discarded = Was von { $name } angekommen ist, kann nicht gelöscht werden: { $cause }
not-discarded-in-use = Was von { $name } angekommen ist, benutzt gerade eine Übertragung, oder es ist schon weg. Nichts wurde gelöscht.

## Ein Sender, der wartet

code-coming = Code wird gezogen…
copy-code = Code kopieren
copy-invitation = Einladung kopieren
invitation = 
    Ich möchte dir etwas mit Caiman senden. Das ist ein freies Programm, das Dateien direkt von Computer zu Computer sendet, Ende zu Ende verschlüsselt und ohne Konto.
    1. { $get }
    2. Unter „Empfangen“ diesen Code eingeben: { $code }
    Ist Caiman installiert, genügt auch dieser Link: { $link }
invitation-get = Caiman hier holen und öffnen: { $address }
invitation-install = Caiman installieren und öffnen.
show-qr = QR-Code
hide-qr = QR-Code ausblenden
qr-name = QR-Code des Einladungslinks
add-files = Dateien hinzufügen
show-list = Liste zeigen
hide-list = Liste ausblenden
show-text = Text zeigen
hide-text = Text ausblenden
remove-named = { $name } nicht senden
options = Optionen
also-for-croc = Auch für croc (ergibt einen neuen Code)
croc-for-one = Ein Code für croc gilt nur für einen Empfänger.
croc-code-coming = Ein Code für croc wird geholt …
copy-croc-code = Code für croc kopieren
croc-how = Für croc: { $command } in ein Terminal eingeben, dann diesen Code; oder auf getcroc.com verwenden
croc-how-own = Für croc: { $command } in ein Terminal eingeben, dann diesen Code
croc-retired = Drei falsche Codes für croc wurden versucht, darum gilt dieser Code nicht mehr. Der von Caiman gilt weiter.
croc-wrong-try = { $left ->
    [one] Jemand hat einen falschen Code für croc versucht. Nach einem weiteren gilt er nicht mehr.
   *[other] Jemand hat einen falschen Code für croc versucht. Nach { $left } weiteren gilt er nicht mehr.
 }
croc-away = Für croc lässt sich das Relay { $relay } gerade nicht verwenden: { $why } Es wird immer wieder versucht.
croc-too-long = Das sind mehr Dateien, als croc genannt werden können, darum gibt es keinen Code für croc.
croc-version-off = Ein Empfänger kam mit croc 10, das in den Einstellungen abgeschaltet ist. Nur croc 11 wird eingelassen.
croc-names = croc nimmt manche Namen nicht, wie sie sind:
croc-renamed = { $path } wird { $name }
croc-link = { $path } ist eine Verknüpfung, die aus ihrem Ordner führt, und wird ausgelassen
croc-more-names = { $count ->
    [one] und noch einer
   *[other] und { $count } weitere
 }
receivers-means = Eine andere Zahl ergibt einen neuen Code.
no-limit = Kein Limit
expires = Code verfällt
expires-never = nie
expires-after = nach { $time }
expired = Niemand hat { $name } rechtzeitig empfangen, deshalb ist der Code verfallen. Nichts wurde gesendet.
send-withdrawn = { $name } wird nicht mehr gesendet.
works-once = gilt einmal
works-anywhere = gilt überall
works-nearby = nur im selben Netz
works-reachable = überall, von wo dieser Computer erreichbar ist
works-at-relay = über { $relay }
pass-on = Sagen Sie der anderen Person den Code, oder schicken Sie ihr die Einladung.
pass-on-local = Im selben Netz: Sagen Sie den Code. Anderswo: Schicken Sie die Einladung, deren Link sagt, wo dieser Computer ist.
pass-on-link = Schicken Sie die Einladung: Ihr Link sagt, wo dieser Computer ist.
receiver-named = Empfänger { $number }
for-several = gilt für { $most } Personen, { $came ->
    [0] noch niemand ist gekommen
    [one] eine ist gekommen
   *[other] { $came } sind gekommen
}
asked-by-itself = Wer die anderen Dateien bekommt, wird gefragt, sobald jene angenommen sind. Ein Code ist nicht nötig.
strangers = { $count ->
    [one] An Stelle des Senders hat jemand geantwortet, der den Code nicht kennt. Er konnte einmal raten und hat sonst nichts erfahren.
   *[other] An Stelle des Senders hat { $count }-mal jemand geantwortet, der den Code nicht kennt. Jedes Mal konnte er einmal raten und hat sonst nichts erfahren.
}
wrong-try = Jemand hat einen falschen Code versucht. { $left ->
    [one] Nach einem weiteren gilt der Code nicht mehr.
   *[other] Nach { $left } weiteren gilt der Code nicht mehr.
}
code-retired = Drei falsche Codes wurden versucht, deshalb gilt dieser Code nicht mehr. Nichts wurde gesendet.
came-older = Jemand kam mit einem älteren Caiman. Bitten Sie darum, es zu aktualisieren; der Code gilt weiter.
receiver-lost = Ein Empfänger kam und war weg, bevor er geantwortet hat. Der Code gilt wieder.
came-newer = Jemand kam mit einem neueren Caiman. Aktualisieren Sie Caiman auf diesem Computer und senden Sie noch einmal.
reach-local = Nur wer in Ihrem Netz ist und den Code hat, kann empfangen.
reach-public = Gilt in Ihrem Netz und überall, von wo dieser Computer erreichbar ist.
local-for-now = Vorerst nur im lokalen Netz. { $why } Die Relays werden immer wieder versucht.
local-looking = Vorerst nur im lokalen Netz. Das Relay wird gesucht…
reach-nobody = Dieser Computer hat keine Adresse zum Weitergeben: Nur Programme auf ihm und direkt angeschlossene Computer können empfangen.
add-relay-for-all = Senden über das Internet einrichten
internet-for-all = Senden über das Internet einschalten
route-for-all = Den Weg ändern, um über das Internet zu senden
online-soon = Wird für das Internet vorbereitet…
online-reachable = Gilt überall
online-only-nearby = Nur im lokalen Netz: Kein Relay im Internet antwortet. Es wird von selbst weiter versucht.
online-only-relay = Nur über Ihr Relay: Kein Relay im Internet antwortet. Es wird von selbst weiter versucht.
online-nowhere = Gilt noch nirgends: Kein Relay im Internet antwortet. Es wird von selbst weiter versucht.
online-taken = Diese Wörter benutzt im Internet schon jemand anderes.
new-code = Neuer Code
relay-away = { $why } Es wird weiter versucht.
left-behind = { $count ->
    [one] Etwas fehlt
   *[other] { $count } Dinge fehlen
}
not-added-late = { $name } kann nicht dazu: Der Empfänger hat das Angebot schon.
not-added-no-files = { $name } kann nicht dazu: Ein Text wird für sich gesendet.

## Was eine Übertragung tut

phase-connecting = Wird verbunden…
phase-looking = Der Sender wird gesucht…
phase-getting-ready = Wird vorbereitet…
phase-waiting = Wartet auf den Empfänger
phase-asking = Der Empfänger wird gefragt …
phase-waiting-several = Wartet auf die anderen
phase-handshake = Schlüssel werden vereinbart…
phase-listing = Dateien werden aufgelistet…
phase-offer-coming = Angebot wird gelesen…
phase-answer = { $side ->
    [named] { $who } sieht sich das Angebot an
   *[receiver] Der Empfänger sieht sich das Angebot an
}
phase-answered = Es geht los…
phase-lanes = Verbindungen werden geöffnet…
phase-moving = Läuft
phase-storing = Wird geprüft und gesichert…
phase-repairing = Beschädigte Teile werden noch einmal gesendet…
phase-confirming = Alles ist angekommen. Der Absender erfährt es gerade…
phase-retired = Wer den alten Code versucht, erfährt, dass er ungültig ist
phase-branches = Jede Gegenstelle hat eine eigene Übertragung
phase-cancelling = Wird beendet…
done-of = { $done } von { $total } · { $percent } %
left = noch { $time }
paused-here = Angehalten
paused-there = { $side ->
    [named] Von { $who } angehalten
    [sender] Vom Absender angehalten
   *[receiver] Vom Empfänger angehalten
}
paused-both = Von beiden Seiten angehalten
paused-here-means = Es geht da weiter, wo es stehen blieb, sobald Sie es fortsetzen.
paused-there-means = { $side ->
    [named] { $who } hat das angehalten. Es geht weiter, sobald es dort fortgesetzt wird.
    [sender] Der Absender hat das angehalten. Es geht weiter, sobald er es fortsetzt.
   *[receiver] Der Empfänger hat das angehalten. Es geht weiter, sobald er es fortsetzt.
}
paused-both-means = { $side ->
    [named] Auch { $who } hat das angehalten. Es geht weiter, sobald beide es fortsetzen.
    [sender] Auch der Absender hat das angehalten. Es geht weiter, sobald beide es fortsetzen.
   *[receiver] Auch der Empfänger hat das angehalten. Es geht weiter, sobald beide es fortsetzen.
}
away-relay =
    Verbindung vor { $time } verloren. Das Relay wird wieder gesucht…
    Nichts ist verloren; es geht von selbst da weiter, wo es stehen blieb.
away-peer =
    Verbindung vor { $time } verloren. { $side ->
        [named] { $who } wird gesucht
        [sender] Der Absender wird gesucht
       *[receiver] Der Empfänger wird gesucht
    }; vielleicht schläft der Computer dort oder ist ohne Netz…
    Nichts ist verloren; es geht von selbst da weiter, wo es stehen blieb.
away-code =
    Das Relay ging vor { $time } verloren. Es wird wieder gesucht…
    Der Code bleibt derselbe und gilt wieder, sobald das Relay da ist.
away-paused = Die Verbindung ist vor { $time } abgerissen und wird gesucht. Die Übertragung bleibt angehalten, wenn sie wieder da ist.
away-new-code = Wird es unter einem neuen Code noch einmal gesendet, empfangen Sie es in denselben Ordner: Es geht mit dem weiter, was angekommen ist.
no-room-here = Die Festplatte ist voll. Schaffen Sie Platz, dann geht es von selbst weiter; nichts ist verloren.
no-room-there = { $side ->
    [named] Die Festplatte von { $who } ist voll.
   *[receiver] Die Festplatte des Empfängers ist voll.
} Es geht von selbst weiter, sobald dort Platz ist; nichts ist verloren.
stall-network = Seit { $time } kommt nichts durch. Prüfen Sie das Netz auf beiden Seiten; es geht von selbst weiter, sobald es kann.
stall-relay = Seit { $time } kommt nichts durch: Über das Relay lässt sich keine Verbindung für Daten öffnen. Es wird immer wieder versucht und geht von selbst weiter.
stall-other-side = Seit { $time } kommt nichts durch: { $side ->
    [named] { $who } antwortet nicht.
    [sender] Der Computer des Absenders antwortet nicht.
   *[receiver] Der Computer des Empfängers antwortet nicht.
} Vielleicht schläft er oder ist ohne Netz; es geht von selbst weiter, sobald er wieder da ist.
stall-disk-here = Seit { $time } bewegt sich nichts: Die Festplatte dieses Computers ist langsam. Es geht von selbst weiter, sobald sie fertig ist.
stall-disk-there = Seit { $time } bewegt sich nichts: { $side ->
    [named] Die Festplatte von { $who } ist langsam.
    [sender] Die Festplatte des Absenders ist langsam.
   *[receiver] Die Festplatte des Empfängers ist langsam.
} Es geht von selbst weiter, sobald sie nachkommt.
stall-hashing-here = Seit { $time } bewegt sich nichts: Was auf diesem Computer schon da ist, wird gelesen. Danach geht es von selbst weiter.
stall-hashing-there = Seit { $time } bewegt sich nichts: { $side ->
    [named] { $who } liest, was dort schon da ist.
    [sender] Der Computer des Absenders liest, was dort schon da ist.
   *[receiver] Der Computer des Empfängers liest, was dort schon da ist.
} Danach geht es von selbst weiter.
stall-input-here = Seit { $time } bewegt sich nichts: Das Programm, dessen Ausgabe gesendet wird, schreibt nichts. Es geht von selbst weiter, sobald es das tut.
stall-input-there = Seit { $time } bewegt sich nichts: { $side ->
    [named] Das Programm, dessen Ausgabe { $who } sendet, schreibt nichts.
   *[sender] Das Programm, dessen Ausgabe der Absender sendet, schreibt nichts.
} Es geht von selbst weiter, sobald es das tut.
stall-output-here = Seit { $time } bewegt sich nichts: Das Programm, das bekommt, was ankommt, nimmt nichts an. Es geht von selbst weiter, sobald es das tut.
stall-output-there = Seit { $time } bewegt sich nichts: { $side ->
    [named] Das Programm, an das { $who } weitergibt, was ankommt, nimmt nichts an.
   *[receiver] Das Programm, an das der Empfänger weitergibt, was ankommt, nimmt nichts an.
} Es geht von selbst weiter, sobald es das tut.
stall-limit-here = Seit { $time } bewegt sich nichts: Die Begrenzung der Geschwindigkeit in den Einstellungen lässt nicht mehr zu. Es geht von selbst weiter.
stall-limit-there = Seit { $time } bewegt sich nichts: { $side ->
    [named] { $who } begrenzt die Geschwindigkeit und lässt nicht mehr zu.
   *[sender] Der Absender begrenzt die Geschwindigkeit und lässt nicht mehr zu.
} Es geht von selbst weiter.
port-refused = Port { $wished } kann nicht für direkte Verbindungen verwendet werden, vielleicht weil ihn ein anderes Programm oder eine andere Übertragung hat. Diese Übertragung hört stattdessen auf Port { $used }.
large-packets-lost = Große Pakete gehen unterwegs verloren, vielleicht wegen eines VPN. Caiman macht mit kleinen weiter.
tampered = Etwas zwischen den beiden Computern verändert, was gesendet wird. Es wird noch einmal gesendet; nichts geht verloren.
path-direct = Direkt
path-public-relay = Über ein öffentliches Relay
path-iroh-relay = Über Ihr iroh-Relay
path-met-online = Über das Internet getroffen
path-relay = Über das Relay { $relay }
path-local = Im lokalen Netz
path-hosted = Über das Relay auf diesem Computer
path-lanes = { $lanes ->
    [one] 1 Verbindung
   *[other] { $lanes } Verbindungen
}
path-round-trip = { $millis } ms

## Das Angebot

offered = { $side ->
    [named] { $who } möchte Ihnen { $what } senden
   *[sender] Der Absender möchte Ihnen { $what } senden
}
offered-text = { $side ->
    [named] { $who } möchte Ihnen einen Text senden
   *[sender] Der Absender möchte Ihnen einen Text senden
}
with-code = Code { $code }
reading-offer = Liste wird gelesen…
offer-unlisted = Die Liste kann nicht gezeigt werden. Wenn Sie annehmen, wird alles empfangen.
search = Suchen
show-pictures = Bilder zeigen
hide-pictures = Bilder verbergen
show-picture = Vorschau zeigen
picture = Vorschau
picture-none = Von diesem Bild gibt es keine Vorschau.
pictures-most = Von einem Angebot werden höchstens { $count } Bilder gezeigt.
tick-all = Alle
tick-none = Keine
tick-all-found = { $count ->
    [0] Alle
    [one] Diese
   *[other] Alle diese { $count }
}
tick-none-found = { $count ->
    [0] Keine
    [one] Diese nicht
   *[other] Keine dieser { $count }
}
sort-by-size = Größte zuerst
sort-by-name = Nach Namen
offer-list = Was angeboten wird
nothing-found = Nichts gefunden
open-named = { $name } aufklappen
close-named = { $name } zuklappen
taken = vorhanden
skipped = wird ausgelassen
already-here = schon hier
folder-taken = Ordner vorhanden
barred = zu groß
hidden = versteckt
same-here = { $count ->
    [one] { $amount } ist schon hier, genau gleich, und wird nicht noch einmal gesendet.
   *[other] { $amount } sind schon hier, genau gleich, und werden nicht noch einmal gesendet.
}
comparing = Wird mit dem verglichen, was schon da ist …
here-already = { $size } davon sind aus einer unterbrochenen Übertragung schon hier und werden nicht noch einmal gesendet.
free-there = { $size } frei
no-room = Nicht genug Platz: { $needed } nötig, { $free } frei.
receive-anyway = Trotzdem empfangen
receive-anyway-means = Für Festplatten, die mehr Platz haben, als sie sagen, weil sie komprimieren. Wird die Festplatte doch voll, wartet die Übertragung auf Platz.
too-large = { $more ->
    [0] Zu groß für diese Festplatte und wird deshalb nicht empfangen: { $names }.
   *[other] Zu groß für diese Festplatte und werden deshalb nicht empfangen: { $names } und { $more } weitere.
} Eine Datei kann dort höchstens { $most } haben.
not-kept-times = { $count ->
    [one] Die Festplatte merkt sich nicht, wann eine Datei geändert wurde: Eine Datei hat eine andere Zeit bekommen.
   *[other] Die Festplatte merkt sich nicht, wann eine Datei geändert wurde: { $count } Dateien haben eine andere Zeit bekommen.
}
not-kept-executable = { $count ->
    [one] Die Festplatte merkt sich nicht, welche Dateien Programme sind: Eine Datei lässt sich nicht ausführen.
   *[other] Die Festplatte merkt sich nicht, welche Dateien Programme sind: { $count } Dateien lassen sich nicht ausführen.
}
not-kept-private = { $count ->
    [one] Die Festplatte merkt sich nicht, wer eine Datei lesen darf: Eine Datei, die nur der Absender lesen konnte, können hier auch andere lesen.
   *[other] Die Festplatte merkt sich nicht, wer eine Datei lesen darf: { $count } Dateien, die nur der Absender lesen konnte, können hier auch andere lesen.
}
conflicts = { $count ->
    [one] Ein Name ist in diesem Ordner schon vorhanden:
   *[other] { $count } Namen sind in diesem Ordner schon vorhanden:
}
conflict-named = Was mit { $name } geschieht
compared = Hier: { $here } · neu: { $new }
keep-both = Beide behalten
replace = Ersetzen
skip = Auslassen
keep-both-means = Die neue Datei bekommt eine Nummer: urlaub (2).mov.
replace-means = Eine Datei, die da ist, wird ersetzt, sobald die neue vollständig ist. Ein Ordner, der da ist, bleibt, und die ankommende Datei bekommt eine Nummer im Namen.
merges = { $count ->
    [one] Ein Ordner dieses Namens ist dort schon vorhanden:
   *[other] { $count } Ordner sind dort schon vorhanden:
}
merge = Zusammenführen
keep-both-folders-means = Der neue Ordner bekommt eine Nummer: fotos (2).
merge-means = Was ankommt, kommt in den vorhandenen Ordner.
skip-folder-means = Der vorhandene Ordner bleibt, wie er ist; vom neuen wird nichts empfangen.
guarded = { $more ->
    [0] Nicht angehakt, weil versteckt: { $names }.
   *[other] Nicht angehakt, weil versteckt: { $names } und { $more } weitere.
} Programme suchen solche Namen in Ihrem persönlichen Ordner, und manche führen aus, was sie dort finden. Haken Sie nur an, was Sie erwarten.
skip-means = Was da ist, bleibt; das Neue wird nicht empfangen.
repaired = Diese Namen können hier nicht gesichert werden. Sie werden zu:
accept = { $amount } empfangen
accept-text = Text zeigen
accept-nothing = Nichts zu empfangen: schließen
decline = Ablehnen

## Das Ende

sent = { $side ->
    [named] An { $who } gesendet
   *[receiver] Gesendet
}
sent-to = { $count ->
    [one] An eine Person gesendet
   *[other] An { $count } Personen gesendet
}
received = { $side ->
    [named] Von { $who } empfangen
   *[sender] Empfangen
}
text-sent = { $side ->
    [named] Text an { $who } gesendet
   *[receiver] Text gesendet
}
text-received = { $side ->
    [named] Text von { $who } empfangen
   *[sender] Text empfangen
}
all-there = Schon dort
all-here = Schon hier
some-there = { $count ->
    [one] eine war schon dort
   *[other] { $count } waren schon dort
}
some-here = { $count ->
    [one] eine war schon hier
   *[other] { $count } waren schon hier
}
left-out-there = { $count ->
    [one] eine hat der Empfänger ausgelassen
   *[other] { $count } hat der Empfänger ausgelassen
}
missing = { $count ->
    [one] 1 fehlt
   *[other] { $count } fehlen
}
open = Öffnen
show-in-folder = Im Ordner zeigen
move-to = Verschieben …
relocating = Wird nach { $folder } verschoben · { $done } von { $total }
saved-in = In { $folder }
copy-report = Bericht kopieren
copy-text = Text kopieren
show-more = Alles zeigen
show-less = Weniger zeigen
not-sent = Nicht gesendet
not-received = Nicht empfangen
try-again = Noch einmal versuchen
correct-code = Code berichtigen
send-again = Noch einmal senden
send-missing = Fehlendes senden
kept-in = Der angekommene Teil bleibt. Noch einmal gesendet, kommt nur der Rest.
kept-in-vain = Der angekommene Teil bleibt. Ein neuer Versuch im selben Ordner würde genauso enden.
only-shown = { $path } ist ein Programm oder kann eines starten. Caiman zeigt es nur in seinem Ordner.
not-moved = Nicht alles wurde verschoben: { $cause } Der Rest bleibt, wo er ist.
not-opened = { $path } kann nicht geöffnet werden: Kein Programm hier nimmt es.
not-opened-gone = { $path } kann nicht geöffnet werden: Es ist nicht mehr da.
report-detail = Für die Fehlersuche: { $detail }

## Fehler: was geschehen ist

err-wrong-code = Der Code ist vom dritten Wort an falsch.
err-guessed = Drei falsche Codes wurden versucht, deshalb gilt dieser Code nicht mehr.
err-retired = Dieser Code gilt nicht mehr: Es wurden zu viele falsche versucht.
err-nobody = Bei { $relay } wurde kein Sender mit diesem Code gefunden.
err-nobody-anywhere = Es wurde kein Sender mit diesem Code gefunden.
err-offline = Kein Relay im Internet antwortet, deshalb ist der Sender dort nicht zu finden.
err-nobody-local = Im lokalen Netz wurde kein Sender mit diesem Code gefunden.
err-nobody-either = Weder bei { $relay } noch im lokalen Netz wurde ein Sender mit diesem Code gefunden.
err-only-strangers = { $count ->
    [one] Geantwortet hat nur jemand, der diesen Code nicht kennt.
   *[other] Es wurde { $count }-mal geantwortet, aber nie von jemandem, der diesen Code kennt.
}
err-code-taken = Jemand verwendet diesen Code bereits.
err-declined = { $side ->
    [named] { $who } hat abgelehnt.
   *[receiver] Der Empfänger hat abgelehnt.
}
err-peer-cancelled = { $side ->
    [named] { $who } hat die Übertragung beendet.
    [sender] Der Absender hat die Übertragung beendet.
   *[receiver] Der Empfänger hat die Übertragung beendet.
}
err-cancelled = Sie haben es beendet.
err-gave-way = Dasselbe wird jetzt unter einem anderen Code empfangen.
err-you-declined = Sie haben abgelehnt.
err-peer-lost = { $side ->
    [named] Die Verbindung zu { $who } ist abgerissen.
    [sender] Die Verbindung zum Absender ist abgerissen.
   *[receiver] Die Verbindung zum Empfänger ist abgerissen.
}
err-peer-gone = { $side ->
    [named] { $who } ist nicht da, um noch etwas zu nehmen.
   *[receiver] Der Empfänger ist nicht da, um noch etwas zu nehmen.
}
err-nobody-got-it = { $came ->
    [0] Niemand kam.
    [one] Wer kam, hat es nicht bekommen.
   *[other] Keine der { $came } Gegenstellen hat es bekommen.
}
err-peer-silent = { $side ->
    [named] { $who } hat seit { $seconds } Sekunden nicht geantwortet.
    [sender] Der Absender hat seit { $seconds } Sekunden nicht geantwortet.
   *[receiver] Der Empfänger hat seit { $seconds } Sekunden nicht geantwortet.
}
err-unconfirmed = { $side ->
    [named] Alles wurde gesendet, aber die Verbindung brach ab, bevor { $who } bestätigen konnte, dass alles gespeichert ist.
   *[receiver] Alles wurde gesendet, aber die Verbindung brach ab, bevor der Empfänger bestätigen konnte, dass alles gespeichert ist.
}
err-peer-no-space = { $side ->
    [named] Die Festplatte von { $who } ist voll.
    [sender] Die Festplatte des Absenders ist voll.
   *[receiver] Die Festplatte des Empfängers ist voll.
}
err-peer-cant-save = { $side ->
    [named] { $who } kann die Dateien nicht sichern.
   *[receiver] Der Empfänger kann die Dateien nicht sichern.
}
err-peer-cant-read = { $side ->
    [named] { $who } kann die Dateien nicht lesen.
   *[sender] Der Absender kann die Dateien nicht lesen.
}
err-peer-complains = { $side ->
    [named] { $who } hat zur Sicherheit aufgehört: Was dort ankam, ergab keinen Sinn.
    [sender] Der Computer des Absenders hat zur Sicherheit aufgehört: Was dort ankam, ergab keinen Sinn.
   *[receiver] Der Computer des Empfängers hat zur Sicherheit aufgehört: Was dort ankam, ergab keinen Sinn.
}
err-peer-damaged = { $side ->
    [named] Dateien kamen bei { $who } beschädigt an, auch beim zweiten Mal.
   *[receiver] Dateien kamen beim Empfänger beschädigt an, auch beim zweiten Mal.
}
err-peer-network = { $side ->
    [named] { $who } hat die Verbindung verloren.
    [sender] Der Absender hat die Verbindung verloren.
   *[receiver] Der Empfänger hat die Verbindung verloren.
}
err-peer-withdrawn = Die Datei kann nicht mehr gesendet werden.
err-peer-closed = { $side ->
    [named] { $who } hat Caiman geschlossen.
    [sender] Der Absender hat Caiman geschlossen.
   *[receiver] Der Empfänger hat Caiman geschlossen.
}
err-peer-unsuited = { $side ->
    [named] { $who } kann das nicht annehmen.
   *[receiver] Der Empfänger kann das nicht annehmen.
}
err-peer-internal = { $side ->
    [named] Im Caiman von { $who } ist ein Fehler aufgetreten.
    [sender] Im Caiman des Absenders ist ein Fehler aufgetreten.
   *[receiver] Im Caiman des Empfängers ist ein Fehler aufgetreten.
}
err-misbehaved = { $side ->
    [named] Zur Sicherheit beendet: { $who } hat etwas gesendet, das keinen Sinn ergibt.
    [sender] Zur Sicherheit beendet: Der Computer des Absenders hat etwas gesendet, das keinen Sinn ergibt.
   *[receiver] Zur Sicherheit beendet: Der Computer des Empfängers hat etwas gesendet, das keinen Sinn ergibt.
}
err-peer-older = { $side ->
    [named] { $who } hat ein älteres Caiman.
    [sender] Der Absender hat ein älteres Caiman.
   *[receiver] Der Empfänger hat ein älteres Caiman.
}
err-peer-newer = { $side ->
    [named] { $who } hat ein neueres Caiman.
    [sender] Der Absender hat ein neueres Caiman.
   *[receiver] Der Empfänger hat ein neueres Caiman.
}
err-read = { $path } kann nicht gelesen werden:
err-write = { $path } kann nicht gesichert werden:
err-save-in = In { $path } kann nichts gesichert werden:
err-damaged = { $name } kam beschädigt an, auch beim zweiten Mal.
err-withdrawn = { $name } kann nicht gesendet werden: { $reason }.
withdrawn-changed = wurde nach dem Hinzufügen geändert
withdrawn-vanished = ist nicht mehr da
withdrawn-unreadable = ließ sich nicht lesen
unfit-denied = kann nicht gelesen werden: Ihnen fehlt die Berechtigung
unfit-gone = ist nicht mehr da
unfit-unreadable = kann nicht gelesen werden
unfit-name = hat einen Namen, der nicht gesendet werden kann
unfit-deep = liegt in zu vielen Ordnern; senden Sie einen der inneren Ordner für sich
unfit-link-out = ist ein Link, der aus dem Gesendeten hinausführt
unfit-link = ist ein Link auf etwas ohne brauchbaren Namen
unfit-no-size = sagt nicht, wie groß sie ist
unfit-special = ist weder Datei noch Ordner noch Link
err-internal = In Caiman ist etwas kaputtgegangen, und diese Übertragung mit ihm.
err-unsuited = Das geht hier nicht.
err-no-random = Dieser Computer liefert keine Zufallszahlen, also kann nichts verschlüsselt werden.
err-nothing = Es gibt nichts zu senden.
err-special = { $path } ist weder Datei noch Ordner.
err-no-size = { $path } sagt nicht, wie groß sie ist.
err-too-many = Mehr als eine Million Dateien und Ordner können nicht auf einmal gesendet werden.
err-too-much-text = Die Namen von alldem sind zu lang, um auf einmal gesendet zu werden.
err-croc-10-off = Der Absender hat croc 10, das in den Einstellungen abgeschaltet ist.
err-unsendable = Das kann nicht gesendet werden: Namen oder Größen darin passen in kein Angebot.
err-long-text = Ein Text darf höchstens { $limit } haben.
err-no-relay-here = Auf diesem Computer kann kein Relay laufen, und ohne eines findet niemand den Code.
misbehaved-frame = Sie hat eine Nachricht gesendet, die nicht zu verstehen ist.
misbehaved-offer = Sie hat ein Angebot gesendet, das in sich nicht stimmt.
misbehaved-heard = Sie hat bestätigt, was nie gesagt wurde.
misbehaved-unread = Sie liest nicht, was ihr gesendet wird.
misbehaved-record = Sie hat etwas gesendet, dessen Teile nicht zusammengehören.
misbehaved-turn = Sie hat eine Nachricht im falschen Augenblick gesendet.
misbehaved-croc = Sie hat etwas gesendet, was kein croc sendet.
misbehaved-block = Sie hat etwas gesendet, worum niemand gebeten hat.
misbehaved-twice = Sie hat denselben Teil einer Datei zweimal gesendet.
misbehaved-entry = Sie hat von einer Datei gesprochen, die nicht im Angebot ist.
misbehaved-invitation = Sie hat auf unsinnige Weise zu etwas anderem eingeladen.
misbehaved-iterations = Sie hat eine zu schwache oder zu langsame Verschlüsselung verlangt.
misbehaved-lanes = Sie hat mehr oder weniger Verbindungen geöffnet als vereinbart.
misbehaved-early = Sie hat gesagt, alles sei gesendet, als es das nicht war.
cause-full = Die Festplatte ist voll.
cause-denied = Ihnen fehlt die Berechtigung.
cause-read-only = Dort kann nur gelesen werden.
cause-gone = Es ist nicht da.
cause-no-folder = Es ist kein Ordner.
cause-in-the-way = Dort ist etwas anderes im Weg.
cause-name = Dieser Computer kann den Namen nicht sichern.
cause-too-large = Diese Festplatte fasst keine so großen Dateien.
cause-busy = Ein anderes Programm benutzt es.
cause-other-disk = Dieser Ordner liegt auf einer anderen Festplatte. Kopieren Sie es mit der Dateiverwaltung dorthin.
cause-other = { $detail }.
cause-silent = Es antwortet nicht
cause-no-network = Dieser Computer hat kein Netz
cause-no-way = Kein Weg führt dorthin
cause-forbidden = Dieser Computer verbietet es, vielleicht durch eine Firewall
cause-no-such-host = Es gibt keinen solchen Computer

## Fehler: ist etwas verloren

lost-nothing-sent = Nichts wurde gesendet.
lost-nothing-received = Nichts wurde empfangen und nichts hier verändert.
lost-nothing-here = Ihre Dateien sind, wie sie waren.
lost-only-missing-moves = Ihre Dateien sind, wie sie waren. Noch einmal gesendet, kommt nur hinüber, was fehlt.
lost-used-there = Was angekommen war, wird dort verwendet.
lost-arrived-kept = Was angekommen ist, ist vollständig. Die unfertige Datei liegt beiseite.
lost-removed = Nichts davon wurde gesichert.

## Fehler: was nun

next-wrong-code = Vergleichen Sie ihn Wort für Wort mit dem des Senders und versuchen Sie es noch einmal. { $left ->
    [one] Ein Versuch bleibt.
   *[other] { $left } Versuche bleiben.
}
next-compare-code = Vergleichen Sie ihn Wort für Wort mit dem des Senders und versuchen Sie es noch einmal.
next-ask-new-code = Bitten Sie den Sender um einen neuen.
next-send-again-safely = Senden Sie noch einmal, um einen neuen Code zu bekommen, und achten Sie darauf, dass nur die richtige Person ihn hört.
next-nobody-anywhere = Prüfen Sie die ersten beiden Wörter. Das Fenster des Senders muss offen und im Internet sein, und das Datum auf beiden Computern richtig.
next-offline = Prüfen Sie, ob dieser Computer im Internet ist. Manche Netze lassen nichts zu solchen Relays durch; dann hilft ein anderes Netz.
next-nobody = Prüfen Sie die ersten beiden Wörter. Das Fenster des Senders muss offen sein, im selben Netz oder am selben Relay.
next-only-strangers = Vergleichen Sie den Code mit dem des Senders. Wenn er stimmt, gibt sich jemand als Sender aus: Bitten Sie um einen neuen Code, und benutzen Sie ein anderes Netz oder ein anderes Relay.
next-code-taken = Warten Sie einen Moment und versuchen Sie es noch einmal.
next-declined = Fragen Sie die andere Person, dann senden Sie noch einmal.
next-ask-again = Bitten Sie darum, es noch einmal zu senden.
next-internal-send = Senden Sie es noch einmal; nur was fehlt, wird übertragen. Bitte kopieren Sie den Bericht und geben Sie ihn an die Entwickler von Caiman weiter, damit sie den Fehler beheben können.
next-internal-ask = Lassen Sie es sich noch einmal senden; nur was fehlt, wird übertragen. Bitte kopieren Sie den Bericht und geben Sie ihn an die Entwickler von Caiman weiter, damit sie den Fehler beheben können.
next-ask-if-wanted = Wenn Sie es noch haben möchten, bitten Sie darum, es noch einmal zu senden.
next-check-send = Prüfen Sie das Netz auf beiden Seiten, dann senden Sie noch einmal.
next-check-ask = Prüfen Sie das Netz auf beiden Seiten, dann bitten Sie darum, es noch einmal zu senden.
next-unconfirmed = Fragen Sie, ob alles angekommen ist, und senden Sie es nur noch einmal, wenn nicht.
next-peer-gone = Senden Sie es noch einmal, unter einem eigenen Code.
next-nobody-got-it = Senden Sie es noch einmal, dann gibt es einen neuen Code.
next-misbehaved-send = Senden Sie noch einmal. Geschieht das wieder, ist eines der beiden Programme defekt.
next-misbehaved-ask = Bitten Sie darum, es noch einmal zu senden. Geschieht das wieder, ist das andere Programm defekt oder nicht Caiman.
next-peer-no-space = Bitten Sie die andere Person, Platz zu schaffen, dann senden Sie noch einmal.
next-peer-says-more = Das Fenster der anderen Person sagt mehr darüber.
next-update-peer = Bitten Sie die andere Person, Caiman zu aktualisieren und noch einmal zu senden.
next-update-here = Aktualisieren Sie Caiman auf diesem Computer, dann versuchen Sie es noch einmal.
next-no-space = Schaffen Sie Platz oder wählen Sie einen anderen Ordner, dann bitten Sie darum, es noch einmal zu senden.
next-damaged-send = Senden Sie noch einmal. Geschieht das wieder, könnten Speicher oder Festplatte eines der Computer defekt sein.
next-damaged-ask = Bitten Sie darum, es noch einmal zu senden. Geschieht das wieder, könnten Speicher oder Festplatte eines der Computer defekt sein.
next-peer-closed = Sobald es wieder läuft, senden Sie noch einmal: Nur was fehlt, wird übertragen.
next-peer-closed-ask = Sobald es wieder läuft, bitten Sie darum, es noch einmal zu senden: Nur was fehlt, wird übertragen.
next-withdrawn = Senden Sie noch einmal, wenn nichts sie mehr verändert.
next-make-room = Schaffen Sie Platz, dann bitten Sie darum, es noch einmal zu senden.
next-permission = Wählen Sie etwas, das Sie benutzen dürfen, oder ändern Sie die Berechtigungen.
next-folder-permission = Wählen Sie einen anderen Ordner oder ändern Sie seine Berechtigungen, dann bitten Sie darum, es noch einmal zu senden.
next-other-folder = Wählen Sie einen anderen Ordner, dann bitten Sie darum, es noch einmal zu senden.
next-disk-send = Prüfen Sie die Festplatte, dann senden Sie noch einmal.
next-disk-ask = Prüfen Sie die Festplatte, dann bitten Sie darum, es noch einmal zu senden.
next-gone = Wählen Sie die Dateien noch einmal.
next-copy-first = Kopieren Sie den Inhalt in eine eigene Datei und senden Sie diese.
next-start-again = Schließen Sie Caiman und starten Sie es neu.
next-restart = Starten Sie den Computer neu und versuchen Sie es dann noch einmal.
next-pack = Packen Sie es in ein Archiv oder senden Sie es in Teilen.
next-croc-10 = Erlauben Sie croc 10 in den Einstellungen auf der Seite croc, oder bitten Sie den Absender, croc 11 zu verwenden.
next-as-file = Sichern Sie ihn als Datei und senden Sie diese.
next-add-relay = Fügen Sie in den Einstellungen ein Relay hinzu und senden Sie dann noch einmal.
next-relay-turned-away = Prüfen Sie die Adresse des Relays in den Einstellungen, oder nehmen Sie ein anderes.
next-proxy = Prüfen Sie den Proxy in den Einstellungen, unter den Relays; mit „off“ geht es ohne.
next-relay-unreachable = Prüfen Sie das Netz und die Adresse des Relays in den Einstellungen.
next-relay-address = Prüfen Sie die Adresse des Relays in den Einstellungen.
next-relay-lost = Prüfen Sie das Netz und versuchen Sie es noch einmal.
next-relay-lost-ask = Prüfen Sie das Netz, dann bitten Sie darum, es noch einmal zu senden.
next-relay-password = Fragen Sie den Betreiber des Relays nach dem Passwort und tragen Sie es in den Einstellungen ein.
next-relay-older = Bitten Sie den Betreiber des Relays, es zu aktualisieren, oder nehmen Sie ein anderes.
next-wait-a-minute = Warten Sie eine Minute und versuchen Sie es noch einmal.
next-fewer-here = Warten Sie, bis andere Übertragungen aus Ihrem Netzwerk fertig sind, oder nehmen Sie ein anderes Relay.
next-other-relay = Versuchen Sie es später noch einmal, oder nehmen Sie ein anderes Relay.

## Was mit einem Relay ist

relay-turned-away = Das Relay { $relay } lehnt Verbindungen ab: Dort läuft kein Relay, oder es lässt diesen Computer nicht zu.
proxy-unreachable = Das Relay { $relay } ist nicht erreichbar: Der Proxy { $proxy } antwortet nicht, oder kein Weg führt zu ihm.
proxy-no-such-host = Das Relay { $relay } ist nicht erreichbar: Es gibt keinen Computer mit dem Namen des Proxys { $proxy }.
proxy-silent = Das Relay { $relay } ist nicht erreichbar: Der Proxy { $proxy } antwortet nicht rechtzeitig.
proxy-login = Das Relay { $relay } ist nicht erreichbar: Der Proxy { $proxy } verlangt einen Benutzernamen und ein Passwort, oder andere.
proxy-refused = Das Relay { $relay } ist nicht erreichbar: Der Proxy { $proxy } lehnt die Verbindung ab ({ $detail }).
proxy-failed = Das Relay { $relay } ist nicht erreichbar: Der Proxy { $proxy } erreicht es nicht ({ $detail }).
proxy-not-one = Das Relay { $relay } ist nicht erreichbar: Was unter { $proxy } antwortet, ist kein Proxy dieser Art.
proxy-unusable = Das Relay { $relay } ist nicht erreichbar: { $proxy } in der Umgebung nennt einen Proxy, den Caiman nicht verwenden kann.
relay-unreachable = Das Relay { $relay } ist nicht erreichbar: { $reason }.
relay-not-one = Was bei { $relay } antwortet, ist kein Caiman-Relay.
relay-lost = Die Verbindung zum Relay ist abgerissen.
relay-password-required = Das Relay verlangt ein Passwort.
relay-password-wrong = Das Passwort des Relays ist falsch.
relay-older = Auf dem Relay läuft ein älteres Caiman.
relay-newer = Auf dem Relay läuft ein neueres Caiman.
relay-no-room = Es wurde kein Sender mit diesem Code gefunden.
relay-code-busy = Jemand anders verwendet diesen Code gerade.
relay-other-sender = Dieses Relay gehört zu einer anderen Übertragung und dient nur ihr.
relay-too-many-joins = Von hier wurden in der letzten Minute zu viele Codes versucht.
relay-too-much-here = Über das Relay laufen zu viele Übertragungen aus Ihrem Netzwerk.
relay-full = Das Relay ist voll.
relay-stopping = Das Relay wird gerade beendet.
relay-confused = Das Relay hat dieses Programm nicht verstanden.
iroh-silent = Bei { $relay } antwortet kein iroh-Relay.
iroh-unusable = Das iroh-Relay { $relay } antwortet, ist aber nicht nutzbar: { $cause }.
iroh-refused = Das iroh-Relay { $relay } bedient nur, wen es kennt.
iroh-here = Dieser Computer kann kein iroh-Relay versuchen: { $cause }.
host-port-taken = Port { $port } wird von einem anderen Programm benutzt. Wählen Sie einen anderen.
host-port-forbidden = Port { $port } steht Ihnen auf diesem Computer nicht offen. Wählen Sie einen ab 1024.
host-no-address = Dieser Computer hat die Adresse { $address } nicht. Wählen Sie eine von seinen.
host-too-many-ports = Das sind zu viele Daten-Ports ({ $count }). Wählen Sie weniger.
host-cant-listen = Das Relay kann Port { $port } nicht benutzen: { $cause }
host-broke = In Caiman ist ein Fehler aufgetreten, und das Relay ist ausgefallen. Was die Entwickler wissen müssen: { $detail }.

## Das Programm selbst

desk-broke = In Caiman ist etwas kaputtgegangen, und ein Schritt wurde nicht ausgeführt. Alles andere geht weiter.
notify-asked-body = Öffnen Sie Caiman, um es anzusehen.
notify-done = { $name }: fertig
notify-trouble = { $name }: etwas ging schief
awake-why = Dateien sind unterwegs
quit-question = Es sind noch Dateien unterwegs
quit-question-resting = Übertragungen sind noch nicht fertig
quit-question-copying = Es werden noch Dateien verschoben
quit-question-waiting = Caiman schließen?
quit-codes = { $count ->
    [one] Ein Code wartet noch. Ist Caiman beendet, kann niemand mehr damit empfangen.
   *[other] { $count } Codes warten noch. Ist Caiman beendet, kann niemand mehr damit empfangen.
}
quit-relay = Ihr Relay läuft. Ist Caiman beendet, kann es niemand mehr verwenden.
quit-means = Übertragungen brechen ab. Mit einem neuen Code geht es später weiter.
quit-copies = Empfangene Dateien werden auf einen anderen Datenträger verschoben. Das bricht ab, und sie bleiben, wo sie waren.
quit-people = Personen, die Sie kennen, können diesem Computer nichts mehr senden. Was Sie an Personen senden, geht beim nächsten Start weiter.
quit-stay = Weiterlaufen lassen
quit-anyway = Beenden
quit-keep-means = „Weiterlaufen lassen“ räumt das Fenster weg. Hat die Arbeitsfläche einen Bereich für Symbole, holt es das Symbol von Caiman dort zurück.
quit-remember = Nicht mehr fragen
waiting-codes = { $count ->
    [one] Ein Code wartet
   *[other] { $count } Codes warten
}
waiting-relay = Ihr Relay läuft
waiting-transfers = Dateien sind unterwegs
waiting-copies = Empfangene Dateien werden verschoben
waiting-people = Personen können Ihnen senden
tray-open = Caiman öffnen
tray-quit = Beenden
login-failed = Ob Caiman mit der Anmeldung startet, lässt sich nicht ändern: { $detail }
settings-problem = Die Einstellungen konnten nicht alle gelesen werden. { $detail }
history-problem = Der Verlauf konnte nicht ganz gelesen werden. { $detail }
store-unreadable = { $path } kann nicht gelesen werden: { $cause } Die Datei bleibt, wie sie ist, und nichts wird gesichert, bis sie gelesen werden kann.
store-not-toml = { $path } ist in Zeile { $line } beschädigt.
store-not-text = { $path } ist kein Text.
store-too-large = { $path } ist zu groß, um von Caiman zu sein.
store-kept = Die Datei heißt jetzt { $path }.
store-in-place = Sie wird beiseitegelegt, sobald etwas gesichert wird.
store-entries = In { $path } wird das übergangen: { $entries }. Die Datei wird neben der neuen aufgehoben, sobald etwas gesichert wird.
expected-number = „{ $key }“ muss eine Zahl von { $from } bis { $to } sein
expected-switch = „{ $key }“ muss true oder false sein
expected-text = „{ $key }“ muss Text in Anführungszeichen sein
expected-one-of = „{ $key }“ muss eines von { $choices } sein
expected-address = „{ $key }“ muss Host oder Host:Port in Anführungszeichen sein
expected-ports = „{ $key }“ müssen Ports wie „27002-27009“ oder „none“ sein
expected-proxy = „{ $key }“ muss ein Proxy wie „socks5://host:port“ oder „off“ sein
expected-iroh-relays = „{ $key }“ muss eine Liste von Adressen wie [„https://relay.example.org“] sein
expected-computer-name = „{ $key }“ muss ein Name mit höchstens 40 Zeichen in Anführungszeichen sein
expected-table = „{ $key }“ muss eine Tabelle sein
expected-transfer = „{ $key }“ ist keine Übertragung, die diese Version kennt
expected-person = „{ $key }“ ist keine Person mit eigenem Namen und Schlüssel
unsaved-no-folder = Nichts kann gesichert werden: Dieses Konto hat keinen Ordner für das, was Caiman aufhebt. Nennen Sie einen mit CAIMAN_CONFIG_DIR und CAIMAN_DATA_DIR.
unsaved-disk = { $path } kann nicht gesichert werden: { $cause } Was vorher da war, ist unverändert.
interrupted-receive = Caiman wurde beim Empfangen von { $name } nach { $folder } geschlossen. Was angekommen ist, ist noch da; wie es weitergeht, steht unten, unter „Unfertig“.
interrupted-send = Caiman wurde beim Senden von { $name } geschlossen. Ihre Dateien sind, wie sie waren. Senden Sie es noch einmal: Dann kommt nur hinüber, was fehlt.

## Ein Fenster, das nicht aufgeht

start-no-window = Caiman kann sein Fenster nicht öffnen
start-no-display = Es gibt keinen Bildschirm, auf dem das Fenster aufgehen könnte ({ $why }).
start-refused = Der Bildschirm lässt Caiman kein Fenster öffnen. Starten Sie es als die Person, die dort angemeldet ist.
start-toolkit = Etwas, das das Fenster von diesem System braucht, fehlt oder ist kaputt.
start-no-opengl = OpenGL geht hier nicht.
start-no-vulkan = Vulkan geht hier nicht.
start-no-graphics = Hier geht weder OpenGL noch Vulkan.
start-failed = Caiman kann nicht starten: { $detail }.
start-lost = Die Verbindung zum Bildschirm ist abgerissen. Starten Sie Caiman noch einmal.
start-install = Das installiert, was vielleicht fehlt:
start-driver = Ein neuerer Treiber für die Grafikkarte hilft vielleicht.
start-without = Ohne Fenster tun „caiman send DATEI“ und „caiman receive“ in einem Terminal dasselbe.
silent-unset = { $variable } ist nicht gesetzt
silent-no-answer = { $variable } ist { $value }, und dort antwortet nichts
silent-no-library = Wayland antwortet, aber die Bibliothek libwayland-client.so.0 fehlt
instance-no-location = Mehrere Starts von Caiman finden einander nicht; jeder öffnet ein eigenes Fenster.
instance-no-answer = Caiman läuft schon, antwortet aber nicht. Schließen Sie sein Fenster, oder beenden Sie das Programm, falls es hängt, und starten Sie noch einmal.
instance-refused = Das Fenster von Caiman, das schon läuft, hat das nicht angenommen. Legen Sie die Dateien darauf ab, oder schließen Sie es und starten Sie noch einmal.
instance-too-much = Das sind zu viele Dateien, um sie dem Fenster auf einmal zu geben. Senden Sie den Ordner, in dem sie sind.
arrival-neither = „{ $name }“ ist weder eine Datei noch ein Code.
arrival-link-not-alone = Ein Einladungslink kann nicht zusammen mit etwas anderem geöffnet werden. Öffnen Sie nur den Link.
arrival-missing = „{ $name }“ ist nicht da und kann also nicht gesendet werden.

## Einstellungen

set-internet = Internet
set-general = Allgemein
set-advanced = Erweitert
set-relays = Relays
set-host = Relay anbieten
set-internet-on = Über das Internet senden und empfangen
set-internet-hint = Über das Internet gelten Codes zwischen beliebigen Orten, ohne eigenes Relay.
set-internet-public = Wo zwei Computer einander nicht erreichen, geben öffentliche Relays die verschlüsselten Daten weiter. Sie werden von number 0 betrieben, kostenlos, begrenzt und ohne Zusage. Sie sehen Adressen, Zeiten und Mengen, nie Namen oder Inhalte.
set-internet-own = Wo zwei Computer einander nicht erreichen, geben Ihre iroh-Relays die verschlüsselten Daten weiter. Sie sehen Adressen, Zeiten und Mengen, nie Namen oder Inhalte. Auch der andere Computer muss eines davon verwenden.
set-public-relays = Öffentliche Relays von number 0
set-not-in-use = nicht verwendet
set-add-iroh = Eigenes iroh-Relay hinzufügen
set-iroh-named = iroh-Relay { $number }
set-bad-iroh = Schreiben Sie eine Adresse wie https://relay.example.org.
set-iroh-good = Erreichbar, { $latency } ms, hilft, direkte Wege zu finden
set-iroh-blind = Erreichbar, { $latency } ms. Es sagt Computern ihre Adressen nicht (über UDP, meist Port 7842), deshalb finden wenige einen direkten Weg.
set-proxy = Proxy
set-proxy-example = keiner, oder der aus der Umgebung
set-proxy-hint = Relays anderswo werden über ihn erreicht: socks5://host:port, http://host:port oder „off“. Direkte Verbindungen und das Internet gehen an ihm vorbei; für Tor wählen Sie den Verbindungsweg „Relay“ und schalten das Internet aus.
set-bad-proxy = Schreiben Sie einen Proxy wie socks5://host:1080 oder http://name:passwort@host:3128, oder off.
set-relays-hint = Ein Relay bringt zwei Computer zusammen, die einander nicht erreichen. Es sieht weder Namen noch Inhalte. Caiman verwendet das erste, das antwortet; beim Empfangen fragt es alle. Solange das Internet eingeschaltet ist, ist keines nötig.
set-add-relay = Relay hinzufügen
set-new-relay = Neues Relay
set-raise = { $name } nach oben
set-edit = { $name } bearbeiten
set-remove = { $name } entfernen
set-test = Testen
set-test-named = { $name } testen
set-croc = croc
set-croc-hint = Caiman kann auch von Leuten empfangen, die croc haben, und an sie senden. Ein Code von croc schützt weniger als einer von Caiman.
set-croc-sends = Jedem Senden auch einen Code für croc geben
set-croc-sends-hint = Wer zuerst kommt, bekommt die Dateien. Unter „Optionen“ lässt es sich auch für jedes Senden einzeln einstellen.
set-croc-10 = Auch mit croc 10
set-croc-10-hint = croc 10 ist die ältere Version und schützt weniger als croc 11.
set-croc-public = Öffentliche Relays von croc
set-add-croc = Eigenes croc-Relay hinzufügen
set-croc-address-hint = relay.example.org oder relay.example.org:9009
set-croc-password-hint = wenn es ein eigenes hat
set-in-use = wird verwendet
set-good = Erreichbar, { $latency } ms
set-good-password = Erreichbar, { $latency } ms, Passwort stimmt
set-address = Adresse
set-address-hint = Host, Host:Port oder was der Betreiber kopiert hat
set-bad-address = Schreiben Sie Host oder Host:Port, zum Beispiel relay.example.org:27001.
set-name = Name
set-name-hint = Das sieht die andere Person. Ist das Feld leer, gilt der Name, den das System diesem Computer gibt.
set-bad-name = Ein Name hat höchstens { $most } Zeichen und keine Zeilenumbrüche.
set-tell-name = Diesen Namen nennen, sobald der Code bewiesen ist
set-no-name = keiner
set-optional = nicht nötig
set-password = Passwort
set-show-passwords = Passwörter zeigen
set-host-hint = Lassen Sie hier ein Relay laufen, damit andere Dateien über diesen Computer bewegen können. Es sieht weder Namen noch Inhalte und schreibt nichts auf die Festplatte.
set-host-start = Relay starten
set-host-stop = Relay beenden
set-host-runs = Das Relay läuft auf den Ports { $ports }.
set-host-will-use = Es wird die Ports { $ports } verwenden.
set-copy-all = Adresse und Passwort
set-copy-relay = Adresse und Passwort von { $address } kopieren
set-host-stopping = Das Relay lässt laufende Übertragungen enden, dann hört es auf.
set-host-at-start = Mit Caiman starten
set-host-restart = Starten Sie das Relay neu, damit das gilt.
set-host-local = Andere in Ihrem Netz erreichen es unter diesen Adressen.
set-host-public = Andere erreichen es unter diesen Adressen, wenn keine Firewall dazwischen ist.
set-host-nobody = Dieser Computer ist in keinem Netz: Niemand sonst kann es jetzt erreichen.
set-copy-address = { $address } kopieren
set-port = Port
set-bad-port = Ein Port ist eine Zahl von 1 bis 65535.
set-data-ports = Datenports
set-bad-ports = Schreiben Sie Ports wie 27002-27009, oder none.
set-words = Wörter im Code
set-words-hint = Vier sind sicher: Ein Code gilt einmal und erlaubt drei Versuche.
set-receivers = Empfänger
set-receivers-hint = Wie viele Personen einen Code verwenden können.
set-lanes = Verbindungen
set-lanes-hint = Höchstens so viele Verbindungen nebeneinander je Übertragung.
set-path = Verbindungsweg
set-path-automatic = Automatisch
set-path-local = Lokales Netz
set-path-relay = Relay
set-path-automatic-hint = Direkt, wo die beiden Computer einander erreichen, sonst über ein Relay.
set-path-local-hint = Die Daten bleiben im lokalen Netz; das Internet wird nicht benutzt.
set-path-relay-hint = Immer über ein Relay, auch über das Internet: Der andere Computer erfährt die Adressen dieses Computers nicht.
set-direct-port = Port für direkte Verbindungen
set-any-port = beliebig
set-map-port = Den Router bitten, direkte Verbindungen hereinzulassen
set-map-port-hint = Solange eine Übertragung läuft, mit PCP, NAT-PMP oder UPnP, falls der Router das kann. Der Code ist trotzdem nötig.
set-rate = Tempolimit
set-no-limit = keins, oder etwa 5 MB/s
set-bad-rate = Schreiben Sie ein Tempo wie 5 MB/s oder 500 kB/s, oder nichts.
set-keep-awake = Computer wach halten, solange Dateien unterwegs sind
set-closing = Fenster schließen
set-closing-ask = Fragt
set-closing-keep = Lässt Caiman laufen
set-closing-quit = Beendet Caiman
set-closing-hint = Solange ein Code wartet, Ihr Relay läuft, Personen Ihnen senden könnten oder Dateien unterwegs sind. Ist nichts zu verlieren, endet Caiman immer.
set-at-login = Bei der Anmeldung starten
set-look = Aussehen
set-look-system = Wie das System
set-look-light = Hell
set-look-dark = Dunkel
set-scale = Größe
set-language = Sprache
set-language-system = Wie das System
set-motion = Bewegung
set-motion-system = Wie das System
set-motion-less = Weniger
set-motion-full = Normal
set-notifications = Melden, wenn im Hintergrund etwas geschieht
set-system = Fenstersystem
set-system-automatic = Automatisch
set-system-hint = X11 hilft, wo das Ablegen von Dateien auf dem Fenster nicht geht. Gilt nach einem Neustart.
releases = Veröffentlichungen
licences = Lizenzen

## Verlauf

history-empty = Hier steht, was fertig übertragen ist.
history-clear = Verlauf leeren
history-question = Verlauf leeren?
history-keep = Behalten
history-means = { $count ->
    [one] Ein Eintrag wird aus der Liste entfernt. Dateien bleiben, wo sie sind.
   *[other] { $count } Einträge werden aus der Liste entfernt. Dateien bleiben, wo sie sind.
}
history-forget = { $name } aus dem Verlauf entfernen
history-sent = { $side ->
    [named] An { $who } gesendet
   *[receiver] Gesendet
}
history-received = { $side ->
    [named] Von { $who } empfangen
   *[sender] Empfangen
}
history-done = Vollständig
history-partial = { $count ->
    [one] 1 fehlt
   *[other] { $count } fehlen
}
history-cancelled = Beendet
history-declined = Abgelehnt
history-interrupted = Unterbrochen
history-running = Läuft
history-today = Heute, { $time }
history-on = { $date }, { $time }
