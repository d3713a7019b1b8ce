# The window's texts in English, in the format of Project Fluent. They are short and plain: what happened, whether
# anything is lost, what to do next. assets/README.md says how to add a language.

## Sizes, times, counts

bytes = { $count ->
    [one] { $shown } byte
   *[other] { $shown } bytes
}
files = { $count ->
    [one] { $shown } file
   *[other] { $shown } files
}
per-second = { $size }/s
hours = { $count } h
minutes = { $count } min
seconds = { $count } s
and-more = { $names } and { $count } more
and-others = and others
quoted = “{ $text }”

## Header

history = History
settings = Settings
relay = Relay
relay-checking = Checking the relay…
relay-good-hint = The relay answers. Click to check it again.
relay-bad = not reachable
relay-unusable = can't be used
lead = Where codes work
lead-anywhere = Anywhere
lead-nearby = Same network only
lead-nowhere = Offline
lead-anywhere-hint = Codes work from anywhere, over the internet. Click for the settings.
lead-relay-only-hint = Codes work from anywhere. As set, everything goes through relays on the internet. Click for the settings.
lead-no-relay-hint = No relay on the internet answers. Caiman keeps trying.
lead-not-built-in-hint = This Caiman was built without transfers over the internet. A relay reaches beyond the local network.
lead-switched-off-hint = The internet is switched off in the settings. Click to change that.
lead-path-mode-hint = The route in the settings is “Local network”, so nothing goes over the internet.

## First steps

first-title = Welcome to Caiman
first-count = { $number } of { $all }
first-name = What is this computer called?
first-folder = Where should received files go?
first-reach = From where may your codes be used?
first-anywhere = Anywhere
first-nearby = Same network only
first-nearby-means = Nothing goes over the internet. Sender and receiver need to be on the same network.
first-next = Next
first-back = Back
first-done = Done
first-skip = Skip

## Over the internet, told once

internet-first = Your codes work from anywhere. Where two computers can't reach each other, public relays pass on the encrypted data. They are run by number 0, free of charge, rate-limited and without any promise. They see addresses, times and amounts, never names or contents.
internet-understood = Understood
internet-change = Change in the settings

## Send

send = Send
drop-here = Drop files or folders
drop-hint = End-to-end encrypted
choose-files = Choose files
choose-folder = Choose folder
paste = Paste
write-text = Write a text
drop-more = Drop more here
drop-to-send = Drop to send
drop-to-follow = Drop to send to the same person
drop-to-add = Drop to add to this send
drop-not-files = { $count } of the dropped items are not files on this computer and were left out: { $names }.
drop-web = “{ $address }” is a web address, not a file. To send the address, copy it and paste it here; to send what is behind it, save that as a file first.
drop-trash = “{ $address }” is in the trash. Restore it, then drop it from its folder.
drop-elsewhere = “{ $address }” is a file of another computer. Copy it to this computer first.
drop-place = “{ $address }” is in a place that only the other program can read. Copy it to this computer first, then drop the copy.
drop-no-file = “{ $address }” is not a file on this computer and was left out.
drop-unreached = “{ $address }” can't be reached: it is gone, or your user account may not read it.
drop-picture = That is a picture without a file. Save it first, then drop the file.
drop-lost = Nothing of this drag can be taken, because these can't be sent from where they are: { $names }. Drag the rest by itself.
drop-unreadable = The other program didn't say which files these are. Use “Choose files” instead.
pick-files = Choose files to send
pick-folder = Choose a folder to send
text-to-send = A text to send
text-hint = Type or paste a text here
text-means = The other person gets exactly this text.
text-send = Get a code
nothing-to-paste = The clipboard holds no files, no text and no picture.
no-file-dialog = This desktop shows no file dialog. It needs “zenity” or a desktop portal with a file chooser, for example “xdg-desktop-portal-gtk”.
late-file-dialog = If no file dialog has appeared, the desktop portal doesn't answer.
without-file-dialog = You can drop files onto the window, copy them in a file manager and paste them here, or start “caiman FILE…”.
without-folder-dialog = “caiman receive CODE --out FOLDER” receives in any folder.
engine-ended = Caiman's engine has stopped. Close Caiman and start it again; what has arrived is kept.
engine-busy = Too much is going on at once. Wait a moment, then try again.
receive-needs-relay = The code alone doesn't say where the sender is. Paste the invite link instead, or add the sender's relay in the settings.

## Receive

receive = Receive
receive-hint = Type the four words from the sender
receive-button = Receive
code = Code
code-example = four-words-like-these
server-forget = Look everywhere
key-tab = Tab
completion = Complete to { $word }
save-to = Save to
save-to-change = Save somewhere else
pick-destination = Choose where to save
croc-code = This is a code of croc. It protects less than one of Caiman's.
croc-weaker = croc: weaker than a Caiman code
croc-bad-relay = The relay in this line of croc has no valid address.
slip = “{ $word }” is not one of the words.
slip-take = Use { $code }
clipboard-code = There is a code on the clipboard: { $code }
clipboard-take = Use it
code-too-short = A code has at least four words; this one has { $found }.
code-unknown-word = “{ $word }” is not one of the words. Compare it with the sender's code.
code-several = This contains several codes. Paste only the one you want.
code-web-address = That is a web address. A code is four words.
code-bad-link = This invite link is damaged. Ask for it again, or type the words.
code-none = This contains no code. Type the words from the sender.
step-code = The sender drops files and gets four words.
step-type = The sender tells you the words, and you type them here.
step-accept = You see what is offered, and accept or decline.

## People

people = People
people-hint = Click to send files, or drop them on a name. No code is needed.
people-problem = The list of people has a problem: { $detail }
people-wait-broke = Something went wrong inside Caiman: people can't send to this computer until Caiman is started again.
people-too-many = No more than { $most } people are kept. Forget one first.
person-unnamed = Unnamed computer
person-nearby = nearby
person-reachable = reachable
person-away = away
person-sought = looking…
person-blocked = blocked
person-send-named = Send to { $name }
person-open-named = Settings of { $name }
person-more-named = More about { $name }
person-name = Name
person-name-taken = Another person has that name already.
person-unknown = This person is not in your list any more.
person-trust = Receive without asking
person-trust-means = As it is, you are asked each time.
person-trust-change = Another folder
person-block = Block
person-block-means = While a person is blocked, Caiman doesn't hear their calls, and they see you as away.
person-forget = Forget
person-forget-question = Forget { $name }?
person-forget-means = Neither of you can find the other any more. To meet again, you need a code.
person-keep = Keep
drop-to-person = Drop to send to { $name }
text-to-person = A text for { $name }
remember = { $side ->
    [named] Remember { $who }
    [receiver] Remember the receiver
   *[sender] Remember the sender
}
remember-means = Once both of you have remembered each other, no code is needed between you.
remember-anew = A computer named { $who } is in your list already. Remember this one only if it is another, or if calls no longer reach it.
remembered = { $name } is in your list of people. If you are in theirs too, no code is needed between you.
calls-here = { $side ->
    [named] { $who } is sending you something
   *[sender] Something is coming
}
goes-on-by-itself = { $side ->
    [named] It goes on by itself as soon as { $who } is back.
   *[sender] It goes on by itself as soon as the other computer is back.
}
calling = Calling { $who }…
calling-away = { $who } can't be found at the moment
calling-away-means = Caiman keeps calling. It needs to run there, and you need to be in each other's lists.
calling-heard = { $who } has heard the call
calling-lost = The connection to { $who } was lost
calling-lost-means = Caiman calls again. What has arrived is kept, and only the rest is sent.

## Transfers

transfers = Transfers
clear-finished = Clear finished
a-text = A text
more-coming = More from the same sender
a-transfer = Transfer
pause-named = Pause { $name }
resume-named = Resume { $name }
to-named = to { $who }
from-named = from { $who }
more-named = Send more to the receiver of { $name }
cancel-named = Cancel { $name }
unfold-named = Show more of { $name }
fold-named = Show less of { $name }
show-details = Details
hide-details = Hide details
stop-keep = Keep going
stop-sending = Stop sending? The receiver keeps what is complete.
stop-receiving = Stop receiving? What is complete is kept.
stop = Stop
pause-all = Pause all
resume-all = Resume all
transfers-of = { $count ->
    [one] { $count } transfer
   *[other] { $count } transfers
}
files-of = { $done } of { $total } files
file-list = Files of this transfer
file-waiting = { $size } · waiting
file-moving = { $percent } % of { $size }
file-stored = { $size } · arrived
file-withdrawn = not sent
saving-in = to { $folder }
dismiss-named = Remove { $name } from the list
progress-named = Progress of { $name }
graph = Speed in the last minute
close = Close
copied = Copied

## Unfinished transfers

unfinished = Unfinished
unfinished-hint = Ask the sender to send again. Only the missing part is transferred.
unfinished-goes-on = Goes on by itself as soon as { $who } is back
held-of = { $held } of { $total } here
resume = Resume
resume-means = Ask the sender to send it again, and type the new code here. What has arrived is kept and not sent twice.
resume-into = The rest is saved in { $folder } as well.
resume-undo = Receive something else
discard = Discard
discard-named = Discard { $name }
discard-question = Delete what has arrived?
discard-means = { $held } in { $folder } will be deleted. If it is sent again, all of it has to be transferred.
discard-keep = Keep it
not-discarded = What has arrived of { $name } can't be deleted: { $cause }
not-discarded-in-use = What has arrived of { $name } is in use by a transfer, or already gone. Nothing was deleted.

## A send that waits

code-coming = Getting a code…
copy-code = Copy code
copy-invitation = Copy invitation
invitation = 
    I want to send you something with Caiman, a free program that sends files straight from one computer to another, end-to-end encrypted and without an account.
    1. { $get }
    2. Under “Receive”, type this code: { $code }
    Once Caiman is installed, this link does the same: { $link }
invitation-get = Get Caiman here and open it: { $address }
invitation-install = Install Caiman and open it.
show-qr = QR code
hide-qr = Hide QR code
qr-name = QR code of the invite link
add-files = Add files
show-list = Show list
hide-list = Hide list
show-text = Show the text
hide-text = Hide the text
remove-named = Don't send { $name }
options = Options
also-for-croc = Also for croc (makes a new code)
croc-for-one = A code for croc is for one receiver only.
croc-code-coming = Getting a code for croc…
copy-croc-code = Copy the code for croc
croc-how = For croc: type { $command } in a terminal, then this code; or use it at getcroc.com
croc-how-own = For croc: type { $command } in a terminal, then this code
croc-retired = Three wrong codes for croc were tried, so that code no longer works. Caiman's own does.
croc-wrong-try = { $left ->
    [one] Someone tried a wrong code for croc. After one more, it stops working.
   *[other] Someone tried a wrong code for croc. After { $left } more, it stops working.
 }
croc-away = For croc, the relay { $relay } can't be used for now: { $why } It is tried again and again.
croc-too-long = These are more files than croc can be told of, so there is no code for croc.
croc-version-off = A receiver came with croc 10, which is turned off in the settings. Only croc 11 is let in.
croc-names = croc doesn't take some names as they are:
croc-renamed = { $path } becomes { $name }
croc-link = { $path } is a link that leads out of its folder, and is left out
croc-more-names = { $count ->
    [one] and one more
   *[other] and { $count } more
 }
receivers-means = Another number makes a new code.
no-limit = No limit
expires = Code expires
expires-never = never
expires-after = after { $time }
expired = Nobody has received { $name } in time, so its code has expired. Nothing was sent.
send-withdrawn = { $name } is not being sent any more.
works-once = works once
works-anywhere = works anywhere
works-nearby = same network only
works-reachable = wherever this computer can be reached
works-at-relay = through { $relay }
pass-on = Tell them the code, or send the invitation.
pass-on-local = Same network: tell them the code. Elsewhere: send the invitation, whose link says where this computer is.
pass-on-link = Send the invitation: its link says where this computer is.
receiver-named = Receiver { $number }
for-several = works for { $most } people, { $came ->
    [0] nobody has come yet
    [one] one has come
   *[other] { $came } have come
}
asked-by-itself = The person who is getting the other files is asked as soon as those are accepted. No code is needed.
strangers = { $count ->
    [one] Something answered in the sender's place without knowing the code. It had one guess at the code and learned nothing else.
   *[other] { $count } times, something answered in the sender's place without knowing the code. Each time it had one guess at the code and learned nothing else.
}
wrong-try = Someone tried a wrong code. { $left ->
    [one] After one more, the code stops working.
   *[other] After { $left } more, the code stops working.
}
code-retired = Three wrong codes were tried, so this code no longer works. Nothing was sent.
came-older = Someone tried to receive with an older Caiman. Ask them to update it; the code still works.
receiver-lost = A receiver came and was lost before it answered. The code works again.
came-newer = Someone tried to receive with a newer Caiman. Update Caiman on this computer, then send again.
reach-local = Only people on your network who have the code can receive.
reach-public = Works on your network, and wherever this computer can be reached.
local-for-now = Only on the local network for now. { $why } Caiman keeps trying the relays.
local-looking = Only on the local network for now. Looking for the relay…
reach-nobody = This computer has no address to pass on: only programs on it, and computers that are connected to it directly, can receive.
add-relay-for-all = Set up sending over the internet
internet-for-all = Switch on sending over the internet
route-for-all = Change the route to send over the internet
online-soon = Getting ready for the internet…
online-reachable = Works from anywhere
online-only-nearby = Only on the local network: no relay on the internet answers. Tried again by itself.
online-only-relay = Only through your relay: no relay on the internet answers. Tried again by itself.
online-nowhere = Works nowhere yet: no relay on the internet answers. Tried again by itself.
online-taken = Someone else uses these words on the internet.
new-code = New code
relay-away = { $why } Caiman keeps trying it.
left-behind = { $count ->
    [one] One item is left out
   *[other] { $count } items are left out
}
not-added-late = { $name } can't be added: the receiver already has the offer.
not-added-no-files = { $name } can't be added: a text is always sent alone.

## What a transfer is doing

phase-connecting = Connecting…
phase-looking = Looking for the sender…
phase-getting-ready = Getting ready…
phase-waiting = Waiting for the receiver
phase-asking = Asking the receiver…
phase-waiting-several = Waiting for the others
phase-handshake = Agreeing on keys…
phase-listing = Listing files…
phase-offer-coming = Reading the offer…
phase-answer = { $side ->
    [named] { $who } is looking at the offer
   *[receiver] The receiver is looking at the offer
}
phase-answered = Starting…
phase-lanes = Opening connections…
phase-moving = Moving
phase-storing = Checking and saving…
phase-repairing = Sending damaged parts again…
phase-confirming = Everything has arrived. Telling the sender…
phase-retired = Telling anyone who tries the old code that it is retired
phase-branches = Each receiver has a transfer of its own
phase-cancelling = Stopping…
done-of = { $done } of { $total } · { $percent } %
left = { $time } left
paused-here = Paused
paused-there = { $side ->
    [named] Paused by { $who }
    [sender] Paused by the sender
   *[receiver] Paused by the receiver
}
paused-both = Paused by both sides
paused-here-means = It continues where it stopped once you resume it.
paused-there-means = { $side ->
    [named] { $who } has paused this transfer. It continues as soon as it is resumed there.
    [sender] The sender has paused this transfer. It continues as soon as the sender resumes it.
   *[receiver] The receiver has paused this transfer. It continues as soon as the receiver resumes it.
}
paused-both-means = { $side ->
    [named] { $who } has paused this transfer as well. It continues once both of you have resumed it.
    [sender] The sender has paused this transfer as well. It continues once both of you have resumed it.
   *[receiver] The receiver has paused this transfer as well. It continues once both of you have resumed it.
}
away-relay =
    Connection lost { $time } ago. Looking for the relay again…
    Nothing is lost; the transfer continues by itself where it stopped.
away-peer =
    Connection lost { $time } ago. Looking for { $side ->
        [named] { $who }
        [sender] the sender
       *[receiver] the receiver
    }, which may be asleep or offline…
    Nothing is lost; the transfer continues by itself where it stopped.
away-code =
    Connection to the relay lost { $time } ago. Looking for it again…
    The code stays the same and works again as soon as the relay is back.
away-paused = The connection was lost { $time } ago, and Caiman is trying to restore it. The transfer stays paused afterwards.
away-new-code = If the sender sends it again under a new code, receive it into the same folder: it continues with what has arrived.
no-room-here = The disk is full. Free some space, and the transfer continues by itself; nothing is lost.
no-room-there = { $side ->
    [named] The disk of { $who } is full.
   *[receiver] The receiver's disk is full.
} The transfer continues by itself as soon as there is space; nothing is lost.
stall-network = Nothing has come through for { $time }. Check the network on both sides; the transfer continues by itself as soon as it can.
stall-relay = Nothing has come through for { $time }: no connection for data can be made through the relay. Caiman keeps trying, and the transfer continues by itself.
stall-other-side = Nothing has come through for { $time }: { $side ->
    [named] { $who } doesn't answer.
    [sender] the sender's computer doesn't answer.
   *[receiver] the receiver's computer doesn't answer.
} It may be asleep or offline; the transfer continues by itself once it is back.
stall-disk-here = Nothing has moved for { $time }: this computer's disk is slow. The transfer continues by itself as soon as the disk catches up.
stall-disk-there = Nothing has moved for { $time }: { $side ->
    [named] the disk of { $who } is slow.
    [sender] the sender's disk is slow.
   *[receiver] the receiver's disk is slow.
} The transfer continues by itself as soon as the disk catches up.
stall-hashing-here = Nothing has moved for { $time }: this computer is reading what it already has. The transfer continues by itself after that.
stall-hashing-there = Nothing has moved for { $time }: { $side ->
    [named] { $who } is reading what it already has.
    [sender] the sender's computer is reading what it already has.
   *[receiver] the receiver's computer is reading what it already has.
} The transfer continues by itself after that.
stall-input-here = Nothing has moved for { $time }: the program whose output is being sent has written nothing. The transfer continues by itself as soon as it writes more.
stall-input-there = Nothing has moved for { $time }: { $side ->
    [named] the program whose output { $who } is sending has written nothing.
   *[sender] the program whose output the sender is sending has written nothing.
} The transfer continues by itself as soon as it writes more.
stall-output-here = Nothing has moved for { $time }: the program that reads what arrives here has read nothing. The transfer continues by itself as soon as it reads more.
stall-output-there = Nothing has moved for { $time }: { $side ->
    [named] the program to which { $who } passes what arrives has read nothing.
   *[receiver] the program to which the receiver passes what arrives has read nothing.
} The transfer continues by itself as soon as it reads more.
stall-limit-here = Nothing has moved for { $time }: the speed limit in the settings allows no more. The transfer continues by itself.
stall-limit-there = Nothing has moved for { $time }: { $side ->
    [named] the speed limit of { $who } allows no more.
   *[sender] the sender's speed limit allows no more.
} The transfer continues by itself.
port-refused = Port { $wished } can't be used for direct connections, perhaps because another program or transfer is using it. This transfer uses port { $used } instead.
large-packets-lost = Large packets get lost on the way, perhaps because of a VPN. Caiman goes on with small ones.
tampered = Something between the two computers changes what is sent. It is sent again, and nothing is lost.
path-direct = Directly
path-public-relay = Through a public relay
path-iroh-relay = Through your iroh relay
path-met-online = Met over the internet
path-relay = Through the relay { $relay }
path-local = On the local network
path-hosted = Through the relay on this computer
path-lanes = { $lanes ->
    [one] 1 connection
   *[other] { $lanes } connections
}
path-round-trip = { $millis } ms

## The offer

offered = { $side ->
    [named] { $who } wants to send you { $what }
   *[sender] The sender wants to send you { $what }
}
offered-text = { $side ->
    [named] { $who } wants to send you a text
   *[sender] The sender wants to send you a text
}
with-code = code { $code }
reading-offer = Reading the list…
offer-unlisted = The list can't be shown. Accepting receives all of it.
search = Search
show-pictures = Show pictures
hide-pictures = Hide pictures
show-picture = Show a preview
picture = Preview
picture-none = No preview can be made of this picture.
pictures-most = Of one offer, { $count } pictures are shown at most.
tick-all = All
tick-none = None
tick-all-found = { $count ->
    [0] All
    [one] This one
   *[other] All of these { $count }
}
tick-none-found = { $count ->
    [0] None
    [one] Not this one
   *[other] None of these { $count }
}
sort-by-size = Largest first
sort-by-name = By name
offer-list = What is offered
nothing-found = Nothing found
open-named = Open { $name }
close-named = Close { $name }
taken = exists
skipped = is skipped
already-here = already here
folder-taken = folder exists
barred = too large
hidden = hidden
same-here = { $count ->
    [one] { $amount } is here already, exactly the same, and is not sent again.
   *[other] { $amount } are here already, exactly the same, and are not sent again.
}
comparing = Comparing with the files here…
here-already = { $size } of it is already here from an interrupted transfer and is not sent again.
free-there = { $size } free
no-room = Not enough space: { $needed } needed, { $free } free.
receive-anyway = Receive anyway
receive-anyway-means = For disks that have more space than they say, because they compress what is stored. If the disk does fill up, the transfer waits for space.
too-large = { $more ->
    [0] Too large for this disk, so it is not received: { $names }.
   *[other] Too large for this disk, so they are not received: { $names } and { $more } more.
} A file can have at most { $most } there.
not-kept-times = { $count ->
    [one] The disk does not keep when a file was changed: one file got another time.
   *[other] The disk does not keep when a file was changed: { $count } files got another time.
}
not-kept-executable = { $count ->
    [one] The disk does not keep which files are programs: one file can't be run.
   *[other] The disk does not keep which files are programs: { $count } files can't be run.
}
not-kept-private = { $count ->
    [one] The disk does not keep who may read a file: one file that only the sender could read can be read by others here.
   *[other] The disk does not keep who may read a file: { $count } files that only the sender could read can be read by others here.
}
conflicts = { $count ->
    [one] One name already exists in this folder:
   *[other] { $count } names already exist in this folder:
}
conflict-named = What to do with { $name }
compared = Here: { $here } · new: { $new }
keep-both = Keep both
replace = Replace
skip = Skip
keep-both-means = The new file gets a number: holiday (2).mov.
replace-means = An existing file is replaced once the new one is complete. An existing folder stays, and the file that arrives gets a number in its name.
merges = { $count ->
    [one] One folder already exists there:
   *[other] { $count } folders already exist there:
}
merge = Merge
keep-both-folders-means = The new folder gets a number: photos (2).
merge-means = What arrives is put into the existing folder.
skip-folder-means = The existing folder stays as it is, and nothing of the new one is received.
guarded = { $more ->
    [0] Not ticked because they are hidden: { $names }.
   *[other] Not ticked because they are hidden: { $names } and { $more } more.
} Programs look for such names in your home folder, and some run what they find. Tick only what you expect.
skip-means = The existing file stays, and the new one is not received.
repaired = These names can't be stored here. They become:
accept = Receive { $amount }
accept-text = Show text
accept-nothing = Nothing to receive: close
decline = Decline

## The end

sent = { $side ->
    [named] Sent to { $who }
   *[receiver] Sent
}
sent-to = { $count ->
    [one] Sent to one person
   *[other] Sent to { $count } people
}
received = { $side ->
    [named] Received from { $who }
   *[sender] Received
}
text-sent = { $side ->
    [named] Text sent to { $who }
   *[receiver] Text sent
}
text-received = { $side ->
    [named] Text received from { $who }
   *[sender] Text received
}
all-there = Already there
all-here = Already here
some-there = { $count ->
    [one] one was already there
   *[other] { $count } were already there
}
some-here = { $count ->
    [one] one was already here
   *[other] { $count } were already here
}
left-out-there = { $count ->
    [one] the receiver left one out
   *[other] the receiver left { $count } out
}
missing = { $count } missing
open = Open
show-in-folder = Show in folder
move-to = Move to…
relocating = Moving to { $folder } · { $done } of { $total }
saved-in = In { $folder }
copy-report = Copy report
copy-text = Copy text
show-more = Show all
show-less = Show less
not-sent = Not sent
not-received = Not received
try-again = Try again
correct-code = Correct the code
send-again = Send again
send-missing = Send what is missing
kept-in = The part that arrived is kept. When it is sent again, only the rest is transferred.
kept-in-vain = The part that arrived is kept. Another attempt in the same folder would end in the same way.
only-shown = { $path } is a program, or may start one. Caiman only shows it in its folder.
not-moved = Not everything was moved: { $cause } What is left stays where it is.
not-opened = { $path } can't be opened: no program on this computer opens it.
not-opened-gone = { $path } can't be opened: it no longer exists.
report-detail = For troubleshooting: { $detail }

## Errors: what happened

err-wrong-code = The code is wrong from its third word on.
err-guessed = Three wrong codes were tried, so this code no longer works.
err-retired = This code no longer works: too many wrong ones were tried.
err-nobody = No sender was found for this code at { $relay }.
err-nobody-anywhere = No sender was found for this code.
err-offline = No relay on the internet answers, so the sender can't be found there.
err-nobody-local = No sender was found for this code on the local network.
err-nobody-either = No sender was found for this code at { $relay } or on the local network.
err-only-strangers = { $count ->
    [one] Only something that does not know this code has answered.
   *[other] { $count } places have answered, and none of them knows this code.
}
err-code-taken = Someone is already using this code.
err-declined = { $side ->
    [named] { $who } declined.
   *[receiver] The receiver declined.
}
err-peer-cancelled = { $side ->
    [named] { $who } stopped the transfer.
    [sender] The sender stopped the transfer.
   *[receiver] The receiver stopped the transfer.
}
err-cancelled = You stopped it.
err-gave-way = The same files are now being received under another code.
err-you-declined = You declined it.
err-peer-lost = { $side ->
    [named] The connection to { $who } was lost.
    [sender] The connection to the sender was lost.
   *[receiver] The connection to the receiver was lost.
}
err-peer-gone = { $side ->
    [named] Nothing more can be offered to { $who }.
   *[receiver] Nothing more can be offered to the receiver.
}
err-nobody-got-it = { $came ->
    [0] Nobody used the code.
    [one] The only receiver did not get it.
   *[other] None of the { $came } receivers got it.
}
err-peer-silent = { $side ->
    [named] { $who } has not answered for { $seconds } seconds.
    [sender] The sender has not answered for { $seconds } seconds.
   *[receiver] The receiver has not answered for { $seconds } seconds.
}
err-unconfirmed = { $side ->
    [named] Everything was sent, but the connection was lost before { $who } could confirm that it has saved it.
   *[receiver] Everything was sent, but the connection was lost before the receiver could confirm that everything is saved.
}
err-peer-no-space = { $side ->
    [named] The disk of { $who } is full.
    [sender] The sender's disk is full.
   *[receiver] The receiver's disk is full.
}
err-peer-cant-save = { $side ->
    [named] { $who } can't save the files.
   *[receiver] The receiver can't save the files.
}
err-peer-cant-read = { $side ->
    [named] { $who } can't read its files.
   *[sender] The sender can't read the files.
}
err-peer-complains = { $side ->
    [named] { $who } stopped for safety: what arrived there made no sense.
    [sender] The sender's computer stopped for safety: what arrived there made no sense.
   *[receiver] The receiver's computer stopped for safety: what arrived there made no sense.
}
err-peer-damaged = { $side ->
    [named] Files arrived damaged at { $who }, even when they were sent again.
   *[receiver] Files arrived damaged at the receiver, even when they were sent again.
}
err-peer-network = { $side ->
    [named] { $who } lost the connection.
    [sender] The sender lost the connection.
   *[receiver] The receiver lost the connection.
}
err-peer-withdrawn = The file can no longer be sent.
err-peer-closed = { $side ->
    [named] { $who } closed Caiman.
    [sender] The sender closed Caiman.
   *[receiver] The receiver closed Caiman.
}
err-peer-unsuited = { $side ->
    [named] { $who } can't take this.
   *[receiver] The receiver can't take this.
}
err-peer-internal = { $side ->
    [named] Something in Caiman broke on { $who }.
    [sender] Something in the sender's Caiman broke.
   *[receiver] Something in the receiver's Caiman broke.
}
err-misbehaved = { $side ->
    [named] Stopped for safety: { $who } sent something that makes no sense.
    [sender] Stopped for safety: the sender's computer sent something that makes no sense.
   *[receiver] Stopped for safety: the receiver's computer sent something that makes no sense.
}
err-peer-older = { $side ->
    [named] { $who } has an older Caiman.
    [sender] The sender has an older Caiman.
   *[receiver] The receiver has an older Caiman.
}
err-peer-newer = { $side ->
    [named] { $who } has a newer Caiman.
    [sender] The sender has a newer Caiman.
   *[receiver] The receiver has a newer Caiman.
}
err-read = { $path } can't be read:
err-write = { $path } can't be saved:
err-save-in = Nothing can be saved in { $path }:
err-damaged = { $name } arrived damaged, even when it was sent again.
err-withdrawn = { $name } can't be sent: it { $reason }.
withdrawn-changed = was changed after it was added
withdrawn-vanished = no longer exists
withdrawn-unreadable = could not be read
unfit-denied = can't be read: you don't have permission
unfit-gone = no longer exists
unfit-unreadable = can't be read
unfit-name = has a name that can't be sent
unfit-deep = is inside too many folders; send one of the inner folders by itself
unfit-link-out = is a link that points outside what is being sent
unfit-link = is a link to something without a usable name
unfit-no-size = doesn't say how long it is
unfit-special = is not a file, a folder or a link
err-internal = Something in Caiman broke, and this transfer has ended.
err-unsuited = This can't be done here.
err-no-random = This computer provides no random numbers, so nothing can be encrypted.
err-nothing = There is nothing to send.
err-special = { $path } is not a file or a folder.
err-no-size = { $path } doesn't say how long it is.
err-too-many = More than a million files and folders can't be sent at once.
err-too-much-text = The names of all these files take too much space to be sent at once.
err-croc-10-off = The sender has croc 10, which is turned off in the settings.
err-unsendable = This can't be sent: some names or sizes don't fit into an offer.
err-long-text = A text may be at most { $limit } long.
err-no-relay-here = No relay can run on this computer, and without one nobody can find the code.
misbehaved-frame = It sent a message that can't be understood.
misbehaved-offer = It sent an offer that doesn't hold together.
misbehaved-heard = It confirmed something that was never sent.
misbehaved-unread = It does not read what it is sent.
misbehaved-record = It sent something whose parts don't belong together.
misbehaved-turn = It sent a message at the wrong moment.
misbehaved-croc = It sent something that no croc sends.
misbehaved-block = It sent something that was not asked for.
misbehaved-twice = It sent the same part of a file twice.
misbehaved-entry = It mentioned a file that is not in the offer.
misbehaved-invitation = It sent an invitation that makes no sense.
misbehaved-iterations = It asked for encryption that is too weak or too slow.
misbehaved-lanes = It opened more or fewer connections than agreed.
misbehaved-early = It said that everything was sent when it was not.
cause-full = the disk is full.
cause-denied = you don't have permission.
cause-read-only = the disk is read-only.
cause-gone = it doesn't exist.
cause-no-folder = it is not a folder.
cause-in-the-way = something else is in its place.
cause-name = this computer can't store its name.
cause-too-large = this disk can't hold files this large.
cause-busy = another program is using it.
cause-other-disk = that folder is on another disk. Copy it there with the file manager.
cause-other = { $detail }.
cause-silent = it doesn't answer
cause-no-network = this computer has no network
cause-no-way = there is no route to it
cause-forbidden = this computer doesn't allow it, perhaps because of a firewall
cause-no-such-host = there is no such computer

## Errors: is anything lost

lost-nothing-sent = Nothing was sent.
lost-nothing-received = Nothing was received, and nothing here was changed.
lost-nothing-here = Your files are as they were.
lost-only-missing-moves = Your files are as they were. When you send again, only what is missing is transferred.
lost-used-there = That transfer uses what had already arrived.
lost-arrived-kept = Files that arrived are complete. The unfinished one is kept apart.
lost-removed = None of it was saved.

## Errors: what next

next-wrong-code = Compare it with the sender's code, word by word, and try again. { $left ->
    [one] One try is left.
   *[other] { $left } tries are left.
}
next-compare-code = Compare it with the sender's code, word by word, and try again.
next-ask-new-code = Ask the sender for a new one.
next-send-again-safely = Send again to get a new code, and make sure that only the right person hears it.
next-nobody-anywhere = Check the first two words. The sender's window must be open and on the internet, and the date right on both computers.
next-offline = Check that this computer is on the internet. Some networks let nothing through to such relays; then another network helps.
next-nobody = Check the first two words. The sender's window must be open, on the same network or relay.
next-only-strangers = Compare the code with the sender's. If it is right, someone is posing as the sender: ask for a new code, and use another network or relay.
next-code-taken = Wait a moment, then try again.
next-declined = Ask the other person, then send again.
next-ask-again = Ask for it to be sent again.
next-internal-send = Send it again; only what is missing is transferred. Please copy the report and send it to Caiman's developers, so that they can fix this.
next-internal-ask = Ask for it to be sent again; only what is missing is transferred. Please copy the report and send it to Caiman's developers, so that they can fix this.
next-ask-if-wanted = If you still want it, ask for it to be sent again.
next-check-send = Check the network on both sides, then send again.
next-check-ask = Check the network on both sides, then ask for it to be sent again.
next-unconfirmed = Ask whether everything arrived, and send again only if it did not.
next-peer-gone = Send it again under a code of its own.
next-nobody-got-it = Send it again to get a new code.
next-misbehaved-send = Send it again. If this happens again, one of the two programs is faulty.
next-misbehaved-ask = Ask for it to be sent again. If this happens again, the other program is faulty or is not Caiman.
next-peer-no-space = Ask the other person to free some space, then send again.
next-peer-says-more = The other person's window has the details.
next-update-peer = Ask the other person to update Caiman and send again.
next-update-here = Update Caiman on this computer, then try again.
next-no-space = Free some space or choose another folder, then ask for it to be sent again.
next-damaged-send = Send it again. If this happens again, the memory or disk of one of the computers may be faulty.
next-damaged-ask = Ask for it to be sent again. If this happens again, the memory or disk of one of the computers may be faulty.
next-peer-closed = Once it is open again, send again: only what is missing moves.
next-peer-closed-ask = Once it is open again, ask for it to be sent again: only what is missing moves.
next-withdrawn = Send it again once nothing is changing it any more.
next-make-room = Free some space, then ask for it to be sent again.
next-permission = Choose something that you have access to, or change its permissions.
next-folder-permission = Choose another folder or change its permissions, then ask for it to be sent again.
next-other-folder = Choose another folder, then ask for it to be sent again.
next-disk-send = Check the disk, then send again.
next-disk-ask = Check the disk, then ask for it to be sent again.
next-gone = Choose the files again.
next-copy-first = Copy what is in it into a file of your own, and send that.
next-start-again = Close Caiman and start it again.
next-restart = Restart the computer, then try again.
next-pack = Pack it into an archive, or send it in parts.
next-croc-10 = Allow croc 10 on the page croc of the settings, or ask the sender to use croc 11.
next-as-file = Save it as a file and send that.
next-add-relay = Add a relay in the settings, then send again.
next-relay-turned-away = Check the relay's address in the settings, or use another relay.
next-proxy = Check the proxy in the settings, under the relays; “off” goes without one.
next-relay-unreachable = Check the network and the relay's address in the settings.
next-relay-address = Check the relay's address in the settings.
next-relay-lost = Check the network, then try again.
next-relay-lost-ask = Check the network, then ask for it to be sent again.
next-relay-password = Ask the relay's operator for the password and enter it in the settings.
next-relay-older = Ask the relay's operator to update it, or use another relay.
next-wait-a-minute = Wait a minute, then try again.
next-fewer-here = Wait until other transfers from your network have finished, or use another relay.
next-other-relay = Try again later, or use another relay.

## What is wrong with a relay

relay-turned-away = The relay { $relay } refuses connections: no relay runs there, or it doesn't let this computer in.
proxy-unreachable = The relay { $relay } can't be reached: the proxy { $proxy } doesn't answer, or there is no way to it.
proxy-no-such-host = The relay { $relay } can't be reached: there is no computer with the name of the proxy { $proxy }.
proxy-silent = The relay { $relay } can't be reached: the proxy { $proxy } doesn't answer in time.
proxy-login = The relay { $relay } can't be reached: the proxy { $proxy } wants a user name and a password, or others.
proxy-refused = The relay { $relay } can't be reached: the proxy { $proxy } refuses the connection ({ $detail }).
proxy-failed = The relay { $relay } can't be reached: the proxy { $proxy } doesn't reach it ({ $detail }).
proxy-not-one = The relay { $relay } can't be reached: what answers at { $proxy } is not a proxy of this kind.
proxy-unusable = The relay { $relay } can't be reached: { $proxy } in the environment names a proxy that Caiman can't use.
relay-unreachable = The relay { $relay } can't be reached: { $reason }.
relay-not-one = What answers at { $relay } is not a Caiman relay.
relay-lost = The connection to the relay was lost.
relay-password-required = The relay requires a password.
relay-password-wrong = The relay's password is wrong.
relay-older = The relay runs an older Caiman.
relay-newer = The relay runs a newer Caiman.
relay-no-room = No sender was found for this code.
relay-code-busy = Someone else is using this code right now.
relay-other-sender = This relay runs beside another transfer and serves only that one.
relay-too-many-joins = Too many codes were tried from here in the last minute.
relay-too-much-here = Too many transfers from your network are using the relay.
relay-full = The relay is full.
relay-stopping = The relay is shutting down.
relay-confused = The relay didn't understand this program.
iroh-silent = No iroh relay answers at { $relay }.
iroh-unusable = The iroh relay { $relay } answers, but can't be used: { $cause }.
iroh-refused = The iroh relay { $relay } serves only those that it knows.
iroh-here = This computer can't try any iroh relay: { $cause }.
host-port-taken = Port { $port } is in use by another program. Choose another one.
host-port-forbidden = You aren't allowed to use port { $port } on this computer. Choose a port from 1024 on.
host-no-address = This computer doesn't have the address { $address }. Choose one of its own.
host-too-many-ports = { $count } data ports are too many. Choose fewer.
host-cant-listen = The relay can't use port { $port }: { $cause }
host-broke = Something in Caiman broke, and the relay has stopped. What Caiman's developers need to know: { $detail }.

## The program itself

desk-broke = Something in Caiman broke, and one step was not done. Everything else goes on.
notify-asked-body = Open Caiman to see it.
notify-done = { $name }: done
notify-trouble = { $name }: something went wrong
awake-why = Files are moving
quit-question = Files are still moving
quit-question-resting = Transfers are not finished yet
quit-question-copying = Files are still being moved
quit-question-waiting = Close Caiman?
quit-codes = { $count ->
    [one] A code is still waiting. Once Caiman has quit, nobody can receive with it.
   *[other] { $count } codes are still waiting. Once Caiman has quit, nobody can receive with them.
}
quit-relay = Your relay is running. Once Caiman has quit, nobody can use it.
quit-means = Transfers stop. You can continue later with a new code.
quit-copies = Received files are being moved to another disk. The copy stops, and they stay where they were.
quit-people = People who know you can't send to this computer. What you are sending to people goes on at the next start.
quit-stay = Keep running
quit-anyway = Quit
quit-keep-means = “Keep running” puts the window away. Where the desktop has a tray, Caiman's icon there brings it back.
quit-remember = Don't ask again
waiting-codes = { $count ->
    [one] One code is waiting
   *[other] { $count } codes are waiting
}
waiting-relay = Your relay is running
waiting-transfers = Files are moving
waiting-copies = Received files are being moved
waiting-people = People can send to you
tray-open = Open Caiman
tray-quit = Quit
login-failed = Whether Caiman starts with your session can't be changed: { $detail }
settings-problem = Not all of the settings could be read. { $detail }
history-problem = Not all of the history could be read. { $detail }
store-unreadable = { $path } can't be read: { $cause } It is left as it is, and nothing is saved until it can be read.
store-not-toml = { $path } is damaged at line { $line }.
store-not-text = { $path } is not a text file.
store-too-large = { $path } is too large to come from Caiman.
store-kept = It is kept as { $path }.
store-in-place = It is moved aside as soon as something is saved.
store-entries = In { $path } these entries are ignored: { $entries }. The file is kept beside the new one as soon as something is saved.
expected-number = “{ $key }” must be a number from { $from } to { $to }
expected-switch = “{ $key }” must be true or false
expected-text = “{ $key }” must be text in quotation marks
expected-one-of = “{ $key }” must be one of { $choices }
expected-address = “{ $key }” must be a host or host:port in quotation marks
expected-ports = “{ $key }” must be ports such as “27002-27009”, or “none”
expected-proxy = “{ $key }” must be a proxy such as “socks5://host:port”, or “off”
expected-iroh-relays = “{ $key }” must be a list of addresses such as [“https://relay.example.org”]
expected-computer-name = “{ $key }” must be a name of at most 40 characters in quotation marks
expected-table = “{ $key }” must be a table
expected-transfer = “{ $key }” is not a transfer that this version knows
expected-person = “{ $key }” is not a person with a name and a key of its own
unsaved-no-folder = Nothing can be saved: this account has no folder for Caiman's files. Name one with CAIMAN_CONFIG_DIR and CAIMAN_DATA_DIR.
unsaved-disk = { $path } can't be saved: { $cause } What was there before is unchanged.
interrupted-receive = Caiman was closed while it was receiving { $name } into { $folder }. What has arrived is kept; how it goes on stands below, under “Unfinished”.
interrupted-send = Caiman was closed while it was sending { $name }. Your files are as they were. Send it again: only what is missing is transferred.

## Why the window doesn't open

start-no-window = Caiman can't open its window
start-no-display = There is no screen on which the window can open ({ $why }).
start-refused = The screen doesn't allow Caiman to open a window. Start it as the user who is logged in there.
start-toolkit = Something that the window needs from this system is missing or broken.
start-no-opengl = OpenGL doesn't work here.
start-no-vulkan = Vulkan doesn't work here.
start-no-graphics = Neither OpenGL nor Vulkan works here.
start-failed = Caiman can't start: { $detail }.
start-lost = The connection to the screen was lost. Start Caiman again.
start-install = This installs what may be missing:
start-driver = A newer driver for the graphics card may help.
start-without = Without a window, “caiman send FILE” and “caiman receive” do the same work in a terminal.
silent-unset = { $variable } is not set
silent-no-answer = { $variable } is { $value }, which doesn't answer
silent-no-library = Wayland answers, but the library libwayland-client.so.0 is missing
instance-no-location = Caiman can't find out whether it is already running, so each start opens a window of its own.
instance-no-answer = Caiman is already running but doesn't answer. Close its window, or end the program if it hangs, and start it again.
instance-refused = The Caiman window that is already open didn't take this. Drop the files on it, or close it and start again.
instance-too-much = These are too many files to hand to the window at once. Send the folder that they are in.
arrival-neither = “{ $name }” is neither a file nor a code.
arrival-link-not-alone = An invite link can't be opened together with anything else. Open only the link.
arrival-missing = “{ $name }” doesn't exist, so it can't be sent.

## Settings

set-internet = Internet
set-general = General
set-advanced = Advanced
set-relays = Relays
set-host = Host a relay
set-internet-on = Send and receive over the internet
set-internet-hint = Over the internet, codes work between any two homes, without a relay of your own.
set-internet-public = Where two computers can't reach each other, public relays pass on the encrypted data. They are run by number 0, free of charge, rate-limited and without any promise. They see addresses, times and amounts, never names or contents.
set-internet-own = Where two computers can't reach each other, your iroh relays pass on the encrypted data. They see addresses, times and amounts, never names or contents. The other computer has to use one of them too.
set-public-relays = Public relays of number 0
set-not-in-use = not used
set-add-iroh = Add an iroh relay of your own
set-iroh-named = iroh relay { $number }
set-bad-iroh = Enter an address such as https://relay.example.org.
set-iroh-good = Reachable, { $latency } ms, helps to find direct ways
set-iroh-blind = Reachable, { $latency } ms. It doesn't tell computers their addresses (over UDP, usually port 7842), so few of them find a direct way.
set-proxy = Proxy
set-proxy-example = none, or what the environment names
set-proxy-hint = Relays elsewhere are reached through it: socks5://host:port, http://host:port, or “off”. Direct connections and the internet go around it; for Tor, choose the route “Relay” and switch the internet off.
set-bad-proxy = Enter a proxy such as socks5://host:1080 or http://user:password@host:3128, or off.
set-relays-hint = A relay connects two computers that can't reach each other. It sees neither names nor contents. Caiman uses the first one that answers; when receiving, it asks all of them. While the internet is on, none is needed.
set-add-relay = Add relay
set-new-relay = New relay
set-raise = Move { $name } up
set-edit = Edit { $name }
set-remove = Remove { $name }
set-test = Test
set-test-named = Test { $name }
set-croc = croc
set-croc-hint = Caiman can also receive from people who have croc, and send to them. A code of croc protects less than one of Caiman's.
set-croc-sends = Give each send a code for croc, too
set-croc-sends-hint = The first to come gets the files. Under Options, each send can be set by itself.
set-croc-10 = Also with croc 10
set-croc-10-hint = croc 10 is the older version, and protects less than croc 11.
set-croc-public = Public relays of croc
set-add-croc = Add a croc relay of your own
set-croc-address-hint = relay.example.org or relay.example.org:9009
set-croc-password-hint = if it has one of its own
set-in-use = in use
set-good = Reachable, { $latency } ms
set-good-password = Reachable, { $latency } ms, password accepted
set-address = Address
set-address-hint = host, host:port, or what the relay's owner has copied
set-bad-address = Enter a host or host:port, for example relay.example.org:27001.
set-name = Name
set-name-hint = What the other side sees. If this is empty, it is what the system calls this computer.
set-bad-name = A name has at most { $most } characters and no line breaks.
set-tell-name = Tell the other side this name, once the code is proven
set-no-name = none
set-optional = optional
set-password = Password
set-show-passwords = Show passwords
set-host-hint = Run a relay here so that others can transfer files through this computer. It sees neither names nor contents, and writes nothing to disk.
set-host-start = Start relay
set-host-stop = Stop relay
set-host-runs = The relay is running on ports { $ports }.
set-host-will-use = It will use the ports { $ports }.
set-copy-all = Address and password
set-copy-relay = Copy address and password of { $address }
set-host-stopping = The relay lets running transfers finish, then stops.
set-host-at-start = Start when Caiman opens
set-host-restart = Restart the relay to apply this.
set-host-local = Others on your network can reach it at these addresses.
set-host-public = Others can reach it at these addresses, unless a firewall blocks them.
set-host-nobody = This computer is on no network, so nobody else can reach it now.
set-copy-address = Copy { $address }
set-port = Port
set-bad-port = A port is a number from 1 to 65535.
set-data-ports = Data ports
set-bad-ports = Enter ports such as 27002-27009, or none.
set-words = Words in a code
set-words-hint = Four words are safe: a code works once and allows three tries.
set-receivers = Receivers
set-receivers-hint = How many people can use one code.
set-lanes = Connections
set-lanes-hint = The most parallel connections of one transfer.
set-path = Connection route
set-path-automatic = Automatic
set-path-local = Local network
set-path-relay = Relay
set-path-automatic-hint = Directly where the two computers can reach each other, otherwise through a relay.
set-path-local-hint = Data stays within the local network, and the internet is not used.
set-path-relay-hint = Always through a relay, also over the internet, so the other computer doesn't learn this one's addresses.
set-direct-port = Port for direct connections
set-any-port = any
set-map-port = Ask the router to let direct connections in
set-map-port-hint = While a transfer runs, with PCP, NAT-PMP or UPnP if the router supports it. The code is still needed.
set-rate = Speed limit
set-no-limit = no limit, or for example 5 MB/s
set-bad-rate = Enter a speed such as 5 MB/s or 500 kB/s, or leave this empty.
set-keep-awake = Keep the computer awake during transfers
set-closing = Closing the window
set-closing-ask = Asks
set-closing-keep = Keeps Caiman running
set-closing-quit = Quits
set-closing-hint = While a code waits, your relay runs, people could send to you or files move. With nothing to lose, Caiman always quits.
set-at-login = Start when you log in
set-look = Appearance
set-look-system = Same as the system
set-look-light = Light
set-look-dark = Dark
set-scale = Size
set-language = Language
set-language-system = Same as the system
set-motion = Motion
set-motion-system = Same as the system
set-motion-less = Less
set-motion-full = Normal
set-notifications = Notify when something happens in the background
set-system = Window system
set-system-automatic = Automatic
set-system-hint = X11 helps where dropping files on the window doesn't work. Takes effect after a restart.
releases = Releases
licences = Licences

## History

history-empty = Finished transfers appear here.
history-clear = Clear history
history-question = Clear the history?
history-keep = Keep it
history-means = { $count ->
    [one] One entry is removed from the list. Files stay where they are.
   *[other] { $count } entries are removed from the list. Files stay where they are.
}
history-forget = Remove { $name } from the history
history-sent = { $side ->
    [named] Sent to { $who }
   *[receiver] Sent
}
history-received = { $side ->
    [named] Received from { $who }
   *[sender] Received
}
history-done = Complete
history-partial = { $count } missing
history-cancelled = Stopped
history-declined = Declined
history-interrupted = Interrupted
history-running = Running
history-today = Today, { $time }
history-on = { $date }, { $time }
