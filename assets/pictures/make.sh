#!/usr/bin/env bash
# Takes the README's pictures from the real window: two users on a display of their own send and receive, and what they see is kept.
#
#   assets/pictures/make.sh CAIMAN [IROH-RELAY]
#
# Without the address of an iroh relay, such as http://localhost:3340 for `iroh-relay --dev`, they show transfers within one network.
#
# Needs Xvfb, openbox, xdotool, xclip and ImageMagick, and 8 GB of room in /dev/shm. Take a program that was built with --release,
# or the speed in the pictures is not the program's.
set -euo pipefail
caiman=$(realpath "$1")
internet="internet = false"
[[ -z ${2:-} ]] || internet="iroh_relays = [\"$2\"]"
cd "$(dirname "$0")"
font=../fonts/InterVariable.ttf
# The screen is a little higher than the pictures, so that no page scrolls.
width=1040 height=760 shown=720

scratch=$(mktemp -d /dev/shm/caiman-pictures.XXXXXX)
started=()
finish() {
  kill "${started[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$scratch"
}
trap finish EXIT

exec 3< <(Xvfb -displayfd 1 -screen 0 ${width}x${height}x24 -nolisten tcp 2>/dev/null & echo $! >"$scratch/xvfb"; wait)
read -r number <&3
started+=("$(cat "$scratch/xvfb")")
export DISPLAY=:$number
# No title bars, so that a window fills the screen.
cat >"$scratch/openbox.xml" <<'XML'
<openbox_config xmlns="http://openbox.org/3.4/rc">
  <applications><application class="*"><decor>no</decor><maximized>yes</maximized></application></applications>
</openbox_config>
XML
openbox --config-file "$scratch/openbox.xml" 2>/dev/null &
started+=($!)

# What is sent: noise, because holes and zeros would not be.
mkdir -p "$scratch/sender/photos"
head -c 4000M /dev/urandom >"$scratch/sender/holiday.mov"
head -c 90k /dev/urandom >"$scratch/sender/notes.pdf"
for n in 1 2 3 4 5 6 7 8 9; do convert -size "${n}00x${n}00" plasma:fractal -quality 96 "$scratch/sender/photos/IMG_204$n.jpg"; done

# as USER COMMAND…: runs a command as one of the two users, who know nothing of each other and of this machine. `run=exec` before it puts
# the command in place of a shell in the background, so that the process is the program itself.
as() {
  local home=$scratch/$1
  shift
  ${run:-} env -i PATH="$PATH" HOME="$home" LANG=C.UTF-8 DISPLAY="$DISPLAY" XDG_RUNTIME_DIR="$home/.run" XDG_CONFIG_HOME="$home/.config" \
    DBUS_SESSION_BUS_ADDRESS=unix:path=/none DBUS_SYSTEM_BUS_ADDRESS=unix:path=/none CAIMAN_INSTANCE=pictures "$@"
}

# user NAME [LINE…]: a home folder, with settings.
user() {
  local home=$scratch/$1
  shift
  mkdir -p "$home/Downloads" "$home/.run" "$home/.config/caiman"
  chmod 700 "$home/.run"
  echo "XDG_DOWNLOAD_DIR=\"\$HOME/Downloads\"" >"$home/.config/user-dirs.dirs"
  printf '%s\n' 'appearance = "light"' 'language = "en"' 'internet_told = true' 'first_steps_done = true' 'reduce_motion = "on"' "$@" \
    >"$home/.config/caiman/settings.toml"
}

# window NAME [PATH…]: opens a user's window, in front of the others.
window() {
  run=exec as "$1" "$caiman" "${@:2}" >>"$scratch/log" 2>&1 &
  started+=($!)
  until xdotool search --onlyvisible --pid $! >/dev/null 2>&1; do sleep 0.2; done
  sleep 2
  # Where nothing answers to it.
  xdotool mousemove 3 $((height - 3))
}

look() { import -window root -crop ${width}x$shown+0+0 +repage "$1"; }

frames=$scratch/frames
mkdir "$frames"
# frame HUNDREDTHS CAPTION: what is seen now is one more picture of the animation, and stays this long.
frame() {
  count=$((${count:-0} + 1))
  local file
  file=$(printf '%s/%03d-%d.png' "$frames" "$count" "$1")
  look "$scratch/now.png"
  convert -size ${width}x56 xc:'#312e81' -font "$font" -pointsize 24 -fill white -gravity center -annotate 0 "$2" \
    "$scratch/now.png" -append +repage "$file"
}

user sender "$internet" 'name = "Ann'"'"'s laptop"'
user receiver "$internet" 'name = "Workshop"'

window sender
frame 150 'On one computer, drop files'
(cd "$scratch/sender" && as sender "$caiman" holiday.mov photos notes.pdf)
sleep 5
look waiting.png
frame 220 'Four words appear: read them out'
xdotool key Return
sleep 0.5
# What is copied may be the whole invitation.
code=$(xclip -o -selection clipboard | grep -oE '\b([a-z]+-){3}[a-z]+\b' | head -1)
# Or the other window would offer it.
xclip -selection clipboard </dev/null

window receiver
xdotool key ctrl+r
sleep 0.5
frame 100 'On the other computer, type them'
for word in ${code//-/ }; do
  for letter in 0 1 2; do
    xdotool key "${word:letter:1}"
    sleep 0.2
    frame 12 'On the other computer, type them'
  done
  xdotool key Tab
  sleep 0.3
  frame 35 'On the other computer, type them'
done
xdotool key Return
sleep 4
look offer.png
frame 250 'See what is offered, and accept'
xdotool key Return
sleep 2
look receiving.png
for _ in {1..12}; do
  frame 25 'It arrives, encrypted and checked'
done
sleep 5
frame 200 'It arrives, encrypted and checked'

# acquaint NAME NAME: two users send each other a file once, and remember each other.
acquaint() {
  local code=blue-horse-7731-kitchen
  as "$1" "$caiman" send --remember --code "$code" "$scratch/sender/notes.pdf" >>"$scratch/log" 2>&1 &
  started+=($!)
  # Nobody is found until the other waits.
  until as "$2" "$caiman" receive "$code" --remember --yes --out "$scratch/$2/Downloads" >>"$scratch/log" 2>&1; do sleep 1; done
  wait "$!"
}

user ann "$internet" 'name = "Ann'"'"'s laptop"'
for name in Ben "Mum's computer" Workshop; do
  user "$name" "$internet" "name = \"$name\""
  acquaint "$name" ann
done
run=exec as Ben "$caiman" >>"$scratch/log" 2>&1 &
started+=($!)
run=exec as Workshop "$caiman" >>"$scratch/log" 2>&1 &
started+=($!)
sleep 3
window ann
sleep 6
look people.png

delays=()
for file in "$frames"/*; do
  delay=${file##*-}
  delays+=(-delay "${delay%.png}" "$file")
done
# One set of colours for all, or they would change from one picture to the next.
convert "${delays[@]}" -loop 0 +dither +remap -layers OptimizeFrame transfer.gif
