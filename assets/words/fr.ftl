# Ce que dit la fenêtre, en français. Court et clair : ce qui s’est passé, si quelque chose est perdu, que faire ensuite.

## Tailles, durées, nombres

bytes = { $count ->
    [one] { $shown } octet
   *[other] { $shown } octets
}
files = { $count ->
    [one] { $shown } fichier
   *[other] { $shown } fichiers
}
per-second = { $size }/s
hours = { $count } h
minutes = { $count } min
seconds = { $count } s
and-more = { $count ->
    [one] { $names } et { $count } autre
   *[other] { $names } et { $count } autres
}
and-others = et d’autres
quoted = « { $text } »

## En-tête

history = Historique
settings = Paramètres
relay = Relais
relay-checking = Vérification du relais…
relay-good-hint = Le relais répond. Cliquez pour le vérifier à nouveau.
relay-bad = injoignable
relay-unusable = inutilisable
lead = Portée des codes
lead-anywhere = Partout
lead-nearby = Même réseau seulement
lead-nowhere = Hors ligne
lead-anywhere-hint = Les codes fonctionnent partout, par Internet. Cliquez pour ouvrir les paramètres.
lead-relay-only-hint = Les codes fonctionnent partout. Selon vos paramètres, tout passe par des relais sur Internet. Cliquez pour les ouvrir.
lead-no-relay-hint = Aucun relais ne répond sur Internet. Caiman continue d’essayer.
lead-not-built-in-hint = Ce Caiman a été compilé sans les transferts par Internet. Un relais permet d’aller au-delà du réseau local.
lead-switched-off-hint = Internet est désactivé dans les paramètres. Cliquez pour changer cela.
lead-path-mode-hint = L’itinéraire choisi dans les paramètres est « Réseau local » : rien ne passe par Internet.

## Premiers pas

first-title = Bienvenue dans Caiman
first-count = { $number } sur { $all }
first-name = Comment s’appelle cet ordinateur ?
first-folder = Où ranger les fichiers reçus ?
first-reach = D’où vos codes peuvent-ils être utilisés ?
first-anywhere = De partout
first-nearby = Même réseau seulement
first-nearby-means = Rien ne passe par Internet. L’expéditeur et le destinataire doivent être sur le même réseau.
first-next = Suivant
first-back = Retour
first-done = Terminé
first-skip = Passer

## Par Internet, dit une seule fois

internet-first = Vos codes fonctionnent partout. Quand deux ordinateurs ne peuvent pas se joindre, des relais publics transmettent les données chiffrées. Ils sont exploités par number 0, gratuits, à débit limité et sans aucune garantie. Ils voient des adresses, des heures et des volumes, jamais de noms ni de contenus.
internet-understood = Compris
internet-change = Changer dans les paramètres

## Envoyer

send = Envoyer
drop-here = Déposez des fichiers ou des dossiers
drop-hint = Chiffré de bout en bout
choose-files = Choisir des fichiers
choose-folder = Choisir un dossier
paste = Coller
write-text = Écrire un texte
drop-more = Déposez-en d’autres
drop-to-send = Déposez pour envoyer
drop-to-follow = Déposez pour envoyer à la même personne
drop-to-add = Déposez pour ajouter à cet envoi
drop-not-files = { $count ->
    [one] { $count } élément déposé n’est pas un fichier de cet ordinateur et a été écarté : { $names }.
   *[other] { $count } éléments déposés ne sont pas des fichiers de cet ordinateur et ont été écartés : { $names }.
}
drop-web = « { $address } » est une adresse web, pas un fichier. Pour envoyer l’adresse, copiez-la et collez-la ici ; pour envoyer ce qui s’y trouve, enregistrez-le d’abord dans un fichier.
drop-trash = « { $address } » est dans la corbeille. Restaurez-le, puis déposez-le depuis son dossier.
drop-elsewhere = « { $address } » est un fichier d’un autre ordinateur. Copiez-le d’abord sur celui-ci.
drop-place = « { $address } » se trouve à un endroit que seul l’autre programme peut lire. Copiez-le d’abord sur cet ordinateur, puis déposez la copie.
drop-no-file = « { $address } » n’est pas un fichier de cet ordinateur et a été écarté.
drop-unreached = « { $address } » est inaccessible : il n’existe plus, ou votre compte n’a pas le droit de le lire.
drop-picture = C’est une image sans fichier. Enregistrez-la d’abord, puis déposez le fichier.
drop-lost = Rien de ce que vous faites glisser ne peut être pris, car ceci ne peut pas être envoyé depuis son emplacement : { $names }. Faites glisser le reste séparément.
drop-unreadable = L’autre programme n’a pas dit de quels fichiers il s’agit. Utilisez plutôt « Choisir des fichiers ».
pick-files = Choisir les fichiers à envoyer
pick-folder = Choisir le dossier à envoyer
text-to-send = Un texte à envoyer
text-hint = Écrivez ou collez un texte ici
text-means = L’autre personne reçoit exactement ce texte.
text-send = Obtenir un code
nothing-to-paste = Le presse-papiers ne contient ni fichier, ni texte, ni image.
no-file-dialog = Ce bureau n’affiche pas de boîte de dialogue pour choisir des fichiers. Il lui faut « zenity » ou un portail de bureau qui en propose une, par exemple « xdg-desktop-portal-gtk ».
late-file-dialog = Si aucune boîte de dialogue n’est apparue, le portail de bureau ne répond pas.
without-file-dialog = Vous pouvez déposer des fichiers sur la fenêtre, les copier dans un gestionnaire de fichiers et les coller ici, ou lancer « caiman FICHIER… ».
without-folder-dialog = « caiman receive CODE --out DOSSIER » reçoit dans n’importe quel dossier.
engine-ended = Le moteur de Caiman s’est arrêté. Fermez Caiman et relancez-le ; ce qui est arrivé est conservé.
engine-busy = Trop de choses se passent à la fois. Patientez un instant, puis réessayez.
receive-needs-relay = Le code seul ne dit pas où se trouve l’expéditeur. Collez plutôt le lien d’invitation, ou ajoutez le relais de l’expéditeur dans les paramètres.

## Recevoir

receive = Recevoir
receive-hint = Tapez les quatre mots de l’expéditeur
receive-button = Recevoir
code = Code
code-example = tulip-acid-coyote-mustard
server-forget = Chercher partout
key-tab = Tab
completion = Compléter en { $word }
save-to = Enregistrer dans
save-to-change = Enregistrer ailleurs
pick-destination = Choisir où enregistrer
croc-code = C’est un code de croc. Il protège moins qu’un code de Caiman.
croc-weaker = croc : plus faible qu’un code de Caiman
croc-bad-relay = Le relais dans cette ligne de croc n’a pas d’adresse valable.
slip = « { $word } » n’est pas dans la liste des mots.
slip-take = Utiliser { $code }
clipboard-code = Le presse-papiers contient un code : { $code }
clipboard-take = L’utiliser
code-too-short = Un code compte au moins quatre mots ; celui-ci en a { $found }.
code-unknown-word = « { $word } » n’est pas dans la liste des mots. Comparez-le avec le code de l’expéditeur.
code-several = Il y a ici plusieurs codes. Collez seulement celui que vous voulez.
code-web-address = C’est une adresse web. Un code se compose de quatre mots.
code-bad-link = Ce lien d’invitation est endommagé. Demandez-le à nouveau, ou tapez les mots.
code-none = Il n’y a pas de code ici. Tapez les mots de l’expéditeur.
step-code = L’expéditeur dépose des fichiers et obtient quatre mots.
step-type = Il vous dit les mots, et vous les tapez ici.
step-accept = Vous voyez ce qui est proposé, et vous acceptez ou refusez.

## Personnes

people = Personnes
people-hint = Cliquez pour envoyer des fichiers, ou déposez-les sur un nom. Aucun code n’est nécessaire.
people-problem = La liste des personnes pose problème : { $detail }
people-wait-broke = Une erreur s’est produite dans Caiman : personne ne peut envoyer à cet ordinateur avant que Caiman soit redémarré.
people-too-many = Pas plus de { $most } personnes sont gardées. Oubliez-en d’abord une.
person-unnamed = Ordinateur sans nom
person-nearby = à proximité
person-reachable = joignable
person-away = absent
person-sought = recherche…
person-blocked = bloqué
person-send-named = Envoyer à { $name }
person-open-named = Paramètres de { $name }
person-more-named = En savoir plus sur { $name }
person-name = Nom
person-name-taken = Une autre personne porte déjà ce nom.
person-unknown = Cette personne n’est plus dans votre liste.
person-trust = Recevoir sans demander
person-trust-means = Pour l’instant, la question vous est posée chaque fois.
person-trust-change = Autre dossier
person-block = Bloquer
person-block-means = Tant qu’une personne est bloquée, Caiman n’entend pas ses appels et vous êtes absent pour elle.
person-forget = Oublier
person-forget-question = Oublier { $name } ?
person-forget-means = Aucun de vous ne pourra plus trouver l’autre. Pour vous retrouver, il vous faudra un code.
person-keep = Garder
drop-to-person = Déposez pour envoyer à { $name }
text-to-person = Un texte pour { $name }
remember = { $side ->
    [named] Mémoriser { $who }
    [receiver] Mémoriser le destinataire
   *[sender] Mémoriser l’expéditeur
}
remember-means = Une fois que chacun a mémorisé l’autre, aucun code n’est plus nécessaire entre vous.
remember-anew = Un ordinateur nommé { $who } est déjà dans votre liste. Ne mémorisez celui-ci que s’il s’agit d’un autre, ou si les appels ne l’atteignent plus.
remembered = { $name } est dans votre liste de personnes. Si vous êtes aussi dans la sienne, aucun code n’est plus nécessaire entre vous.
calls-here = { $side ->
    [named] { $who } vous envoie quelque chose
   *[sender] Quelque chose arrive
}
goes-on-by-itself = { $side ->
    [named] La suite vient d’elle-même dès que { $who } est de retour.
   *[sender] La suite vient d’elle-même dès que l’autre ordinateur est de retour.
}
calling = Appel de { $who }…
calling-away = { $who } est introuvable pour l’instant
calling-away-means = Caiman continue d’appeler. Il doit fonctionner là-bas, et chacun doit avoir mémorisé l’autre.
calling-heard = { $who } a entendu l’appel
calling-lost = La connexion avec { $who } a été perdue
calling-lost-means = Caiman rappelle. Ce qui est arrivé est conservé, et seul le reste est envoyé.

## Transferts

transfers = Transferts
clear-finished = Retirer les terminés
a-text = Un texte
more-coming = Suite du même expéditeur
a-transfer = Transfert
pause-named = Mettre « { $name } » en pause
resume-named = Reprendre « { $name } »
to-named = à { $who }
from-named = de { $who }
more-named = Envoyer autre chose au destinataire de « { $name } »
cancel-named = Annuler « { $name } »
unfold-named = En montrer plus de « { $name } »
fold-named = En montrer moins de « { $name } »
show-details = Détails
hide-details = Masquer les détails
stop-keep = Continuer
stop-sending = Arrêter l’envoi ? Le destinataire garde ce qui est complet.
stop-receiving = Arrêter la réception ? Ce qui est complet est conservé.
stop = Arrêter
pause-all = Tout mettre en pause
resume-all = Tout reprendre
transfers-of = { $count ->
    [one] { $count } transfert
   *[other] { $count } transferts
}
files-of = { $done } sur { $total } fichiers
file-list = Fichiers de ce transfert
file-waiting = { $size } · en attente
file-moving = { $percent } % de { $size }
file-stored = { $size } · arrivé
file-withdrawn = non envoyé
saving-in = dans { $folder }
dismiss-named = Retirer « { $name } » de la liste
progress-named = Progression de « { $name } »
graph = Débit de la dernière minute
close = Fermer
copied = Copié

## Transferts inachevés

unfinished = Inachevés
unfinished-hint = Demandez un nouvel envoi à l’expéditeur. Seul ce qui manque est transféré.
unfinished-goes-on = La suite vient d’elle-même dès que { $who } est de retour
held-of = { $held } sur { $total } ici
resume = Reprendre
resume-means = Demandez un nouvel envoi à l’expéditeur, et tapez ici le nouveau code. Ce qui est arrivé est conservé et n’est pas envoyé deux fois.
resume-into = Le reste sera aussi enregistré dans { $folder }.
resume-undo = Recevoir autre chose
discard = Supprimer
discard-named = Supprimer « { $name } »
discard-question = Supprimer ce qui est arrivé ?
discard-means = { $held } dans { $folder } seront supprimés. Lors d’un nouvel envoi, tout devra être transféré.
discard-keep = Conserver
not-discarded = Ce qui est arrivé de « { $name } » ne peut pas être supprimé : { $cause }
not-discarded-in-use = Ce qui est arrivé de « { $name } » est utilisé par un transfert, ou n’existe plus. Rien n’a été supprimé.

## Un envoi qui attend

code-coming = Obtention d’un code…
copy-code = Copier le code
copy-invitation = Copier l’invitation
invitation = 
    Je veux vous envoyer quelque chose avec Caiman, un logiciel libre qui envoie des fichiers directement d’un ordinateur à l’autre, chiffrés de bout en bout et sans compte.
    1. { $get }
    2. Sous « Recevoir », tapez ce code : { $code }
    Une fois Caiman installé, ce lien suffit aussi : { $link }
invitation-get = Téléchargez Caiman ici et ouvrez-le : { $address }
invitation-install = Installez Caiman et ouvrez-le.
show-qr = QR code
hide-qr = Masquer le QR code
qr-name = QR code du lien d’invitation
add-files = Ajouter des fichiers
show-list = Afficher la liste
hide-list = Masquer la liste
show-text = Afficher le texte
hide-text = Masquer le texte
remove-named = Ne pas envoyer « { $name } »
options = Options
also-for-croc = Aussi pour croc (donne un nouveau code)
croc-for-one = Un code pour croc ne vaut que pour un destinataire.
croc-code-coming = Obtention d’un code pour croc…
copy-croc-code = Copier le code pour croc
croc-how = Pour croc : taper { $command } dans un terminal, puis ce code ; ou l’utiliser sur getcroc.com
croc-how-own = Pour croc : taper { $command } dans un terminal, puis ce code
croc-retired = Trois codes erronés pour croc ont été essayés, ce code ne marche donc plus. Celui de Caiman marche toujours.
croc-wrong-try = { $left ->
    [one] Quelqu’un a essayé un code erroné pour croc. Encore un, et il ne marche plus.
   *[other] Quelqu’un a essayé un code erroné pour croc. Encore { $left }, et il ne marche plus.
 }
croc-away = Pour croc, le relais { $relay } ne peut pas être utilisé pour l’instant : { $why } De nouveaux essais se suivent.
croc-too-long = Ces fichiers sont trop nombreux pour croc, il n’y a donc pas de code pour croc.
croc-version-off = Un destinataire s’est présenté avec croc 10, désactivé dans les paramètres. Seul croc 11 est admis.
croc-names = croc ne prend pas certains noms tels quels :
croc-renamed = { $path } devient { $name }
croc-link = { $path } est un lien qui mène hors de son dossier, et est omis
croc-more-names = { $count ->
    [one] et un autre
   *[other] et { $count } autres
 }
receivers-means = Un autre nombre donne un nouveau code.
no-limit = Sans limite
expires = Expiration du code
expires-never = jamais
expires-after = après { $time }
expired = Personne n’a reçu { $name } à temps : le code a donc expiré. Rien n’a été envoyé.
send-withdrawn = « { $name } » n’est plus envoyé.
works-once = ne sert qu’une fois
works-anywhere = fonctionne partout
works-nearby = même réseau seulement
works-reachable = partout d’où cet ordinateur peut être joint
works-at-relay = par { $relay }
pass-on = Dites le code à l’autre personne, ou envoyez-lui l’invitation.
pass-on-local = Sur le même réseau : dites le code. Ailleurs : envoyez l’invitation, dont le lien dit où se trouve cet ordinateur.
pass-on-link = Envoyez l’invitation : son lien dit où se trouve cet ordinateur.
receiver-named = Destinataire { $number }
for-several = valable pour { $most } personnes, { $came ->
    [0] personne n’est encore venu
    [one] une est venue
   *[other] { $came } sont venues
}
asked-by-itself = La question sera posée à la personne qui reçoit les autres fichiers dès qu’elle les aura acceptés. Aucun code n’est nécessaire.
strangers = { $count ->
    [one] Un inconnu a répondu à la place de l’expéditeur sans connaître le code. Il a pu tenter une fois de le deviner et n’a rien appris d’autre.
   *[other] À { $count } reprises, un inconnu a répondu à la place de l’expéditeur sans connaître le code. Chaque fois, il a pu tenter une fois de le deviner et n’a rien appris d’autre.
}
wrong-try = Quelqu’un a essayé un code incorrect. { $left ->
    [one] Encore un, et le code ne fonctionnera plus.
   *[other] Encore { $left }, et le code ne fonctionnera plus.
}
code-retired = Trois codes incorrects ont été essayés : ce code ne fonctionne donc plus. Rien n’a été envoyé.
came-older = Quelqu’un a essayé de recevoir avec un Caiman plus ancien. Demandez-lui de le mettre à jour ; le code fonctionne toujours.
receiver-lost = Un destinataire est arrivé, mais la connexion a été perdue avant sa réponse. Le code fonctionne à nouveau.
came-newer = Quelqu’un a essayé de recevoir avec un Caiman plus récent. Mettez Caiman à jour sur cet ordinateur, puis envoyez à nouveau.
reach-local = Seules les personnes de votre réseau qui ont le code peuvent recevoir.
reach-public = Fonctionne sur votre réseau, et partout d’où cet ordinateur peut être joint.
local-for-now = Pour l’instant, sur le réseau local seulement. { $why } Caiman continue d’essayer les relais.
local-looking = Pour l’instant, sur le réseau local seulement. Recherche du relais…
reach-nobody = Cet ordinateur n’a pas d’adresse à communiquer : seuls ses propres programmes et les ordinateurs qui lui sont directement reliés peuvent recevoir.
add-relay-for-all = Configurer l’envoi par Internet
internet-for-all = Activer l’envoi par Internet
route-for-all = Changer d’itinéraire pour envoyer par Internet
online-soon = Préparation pour Internet…
online-reachable = Fonctionne partout
online-only-nearby = Sur le réseau local seulement : aucun relais ne répond sur Internet. Caiman continue d’essayer.
online-only-relay = Par votre relais seulement : aucun relais ne répond sur Internet. Caiman continue d’essayer.
online-nowhere = Ne fonctionne encore nulle part : aucun relais ne répond sur Internet. Caiman continue d’essayer.
online-taken = Quelqu’un d’autre utilise ces mots sur Internet.
new-code = Nouveau code
relay-away = { $why } Caiman continue d’essayer.
left-behind = { $count ->
    [one] { $count } élément a été écarté
   *[other] { $count } éléments ont été écartés
}
not-added-late = « { $name } » ne peut pas être ajouté : le destinataire a déjà reçu l’offre.
not-added-no-files = « { $name } » ne peut pas être ajouté : un texte s’envoie toujours seul.

## Ce que fait un transfert

phase-connecting = Connexion…
phase-looking = Recherche de l’expéditeur…
phase-getting-ready = Préparation…
phase-waiting = En attente du destinataire
phase-asking = Demande au destinataire…
phase-waiting-several = En attente des autres personnes
phase-handshake = Établissement des clés…
phase-listing = Inventaire des fichiers…
phase-offer-coming = Lecture de l’offre…
phase-answer = { $side ->
    [named] { $who } regarde l’offre
   *[receiver] Le destinataire regarde l’offre
}
phase-answered = Démarrage…
phase-lanes = Ouverture des connexions…
phase-moving = En cours
phase-storing = Vérification et enregistrement…
phase-repairing = Nouvel envoi des parties endommagées…
phase-confirming = Tout est arrivé. L’expéditeur en est informé…
phase-retired = Ceux qui essaient l’ancien code apprennent qu’il est révoqué
phase-branches = Chaque destinataire a son propre transfert
phase-cancelling = Arrêt…
done-of = { $done } sur { $total } · { $percent } %
left = encore { $time }
paused-here = En pause
paused-there = { $side ->
    [named] Mis en pause par { $who }
    [sender] Mis en pause par l’expéditeur
   *[receiver] Mis en pause par le destinataire
}
paused-both = Mis en pause des deux côtés
paused-here-means = Le transfert continuera là où il s’est arrêté dès que vous le reprendrez.
paused-there-means = { $side ->
    [named] { $who } a mis ce transfert en pause. Il continuera dès qu’il y sera repris.
    [sender] L’expéditeur a mis ce transfert en pause. Il continuera dès que l’expéditeur le reprendra.
   *[receiver] Le destinataire a mis ce transfert en pause. Il continuera dès que le destinataire le reprendra.
}
paused-both-means = { $side ->
    [named] { $who } a aussi mis ce transfert en pause. Il continuera une fois repris des deux côtés.
    [sender] L’expéditeur a lui aussi mis ce transfert en pause. Il continuera une fois repris des deux côtés.
   *[receiver] Le destinataire a lui aussi mis ce transfert en pause. Il continuera une fois repris des deux côtés.
}
away-relay =
    Connexion perdue il y a { $time }. Nouvelle recherche du relais…
    Rien n’est perdu ; le transfert continuera de lui-même là où il s’est arrêté.
away-peer =
    Connexion perdue il y a { $time }. Recherche de { $side ->
        [named] { $who }
        [sender] l’ordinateur de l’expéditeur
       *[receiver] l’ordinateur du destinataire
    }, peut-être en veille ou hors ligne…
    Rien n’est perdu ; le transfert continuera de lui-même là où il s’est arrêté.
away-code =
    Connexion au relais perdue il y a { $time }. Nouvelle recherche du relais…
    Le code reste le même et fonctionnera à nouveau dès le retour du relais.
away-paused = La connexion a été perdue il y a { $time }, et Caiman essaie de la rétablir. Le transfert restera ensuite en pause.
away-new-code = Si l’expéditeur fait un nouvel envoi avec un autre code, recevez-le dans le même dossier : il continuera à partir de ce qui est arrivé.
no-room-here = Le disque est plein. Libérez de l’espace, et le transfert continuera de lui-même ; rien n’est perdu.
no-room-there = { $side ->
    [named] Le disque de { $who } est plein.
   *[receiver] Le disque du destinataire est plein.
} Le transfert continuera de lui-même dès qu’il y aura de l’espace ; rien n’est perdu.
stall-network = Rien ne passe depuis { $time }. Vérifiez le réseau des deux côtés ; le transfert continuera de lui-même dès que possible.
stall-relay = Rien ne passe depuis { $time } : aucune connexion de données ne peut s’ouvrir par le relais. Caiman continue d’essayer, et le transfert continuera de lui-même.
stall-other-side = Rien ne passe depuis { $time } : { $side ->
    [named] { $who } ne répond pas.
    [sender] l’ordinateur de l’expéditeur ne répond pas.
   *[receiver] l’ordinateur du destinataire ne répond pas.
} Il est peut-être en veille ou hors ligne ; le transfert continuera de lui-même dès son retour.
stall-disk-here = Rien n’avance depuis { $time } : le disque de cet ordinateur est lent. Le transfert continuera de lui-même dès que le disque aura rattrapé son retard.
stall-disk-there = Rien n’avance depuis { $time } : { $side ->
    [named] le disque de { $who } est lent.
    [sender] le disque de l’expéditeur est lent.
   *[receiver] le disque du destinataire est lent.
} Le transfert continuera de lui-même dès que le disque aura rattrapé son retard.
stall-hashing-here = Rien n’avance depuis { $time } : cet ordinateur lit ce qu’il a déjà. Le transfert continuera ensuite de lui-même.
stall-hashing-there = Rien n’avance depuis { $time } : { $side ->
    [named] { $who } lit ce qui y est déjà.
    [sender] l’ordinateur de l’expéditeur lit ce qu’il a déjà.
   *[receiver] l’ordinateur du destinataire lit ce qu’il a déjà.
} Le transfert continuera ensuite de lui-même.
stall-input-here = Rien n’avance depuis { $time } : le programme dont la sortie est envoyée n’a rien écrit. Le transfert continuera de lui-même dès qu’il écrira de nouveau.
stall-input-there = Rien n’avance depuis { $time } : { $side ->
    [named] le programme dont { $who } envoie la sortie n’a rien écrit.
   *[sender] le programme dont l’expéditeur envoie la sortie n’a rien écrit.
} Le transfert continuera de lui-même dès qu’il écrira de nouveau.
stall-output-here = Rien n’avance depuis { $time } : le programme qui lit ce qui arrive ici n’a rien lu. Le transfert continuera de lui-même dès qu’il lira de nouveau.
stall-output-there = Rien n’avance depuis { $time } : { $side ->
    [named] le programme auquel { $who } transmet ce qui arrive n’a rien lu.
   *[receiver] le programme auquel le destinataire transmet ce qui arrive n’a rien lu.
} Le transfert continuera de lui-même dès qu’il lira de nouveau.
stall-limit-here = Rien n’avance depuis { $time } : la limite de débit des paramètres ne permet pas plus. Le transfert continuera de lui-même.
stall-limit-there = Rien n’avance depuis { $time } : { $side ->
    [named] la limite de débit de { $who } ne permet pas plus.
   *[sender] la limite de débit de l’expéditeur ne permet pas plus.
} Le transfert continuera de lui-même.
port-refused = Le port { $wished } ne peut pas servir aux connexions directes, peut-être parce qu’un autre programme ou transfert l’utilise. Ce transfert utilise le port { $used } à la place.
large-packets-lost = Les gros paquets se perdent en route, peut-être à cause d’un VPN. Caiman continue avec des petits.
tampered = Quelque chose entre les deux ordinateurs modifie ce qui est envoyé. C’est envoyé à nouveau, et rien n’est perdu.
path-direct = Directement
path-public-relay = Par un relais public
path-iroh-relay = Par votre relais iroh
path-met-online = Trouvé par Internet
path-relay = Par le relais { $relay }
path-local = Sur le réseau local
path-hosted = Par le relais de cet ordinateur
path-lanes = { $lanes ->
    [one] { $lanes } connexion
   *[other] { $lanes } connexions
}
path-round-trip = { $millis } ms

## L’offre

offered = { $side ->
    [named] { $who } veut vous envoyer { $what }
   *[sender] L’expéditeur veut vous envoyer { $what }
}
offered-text = { $side ->
    [named] { $who } veut vous envoyer un texte
   *[sender] L’expéditeur veut vous envoyer un texte
}
with-code = code { $code }
reading-offer = Lecture de la liste…
offer-unlisted = La liste ne peut pas être affichée. Si vous acceptez, tout sera reçu.
search = Rechercher
show-pictures = Afficher les images
hide-pictures = Masquer les images
show-picture = Afficher un aperçu
picture = Aperçu
picture-none = Aucun aperçu n’est possible pour cette image.
pictures-most = Pour une offre, { $count } images sont affichées au plus.
tick-all = Tout
tick-none = Rien
tick-all-found = { $count ->
    [0] Tout
    [one] Celui-ci
   *[other] Tous ces { $count }
}
tick-none-found = { $count ->
    [0] Rien
    [one] Pas celui-ci
   *[other] Aucun de ces { $count }
}
sort-by-size = Les plus gros d’abord
sort-by-name = Par nom
offer-list = Ce qui est proposé
nothing-found = Aucun résultat
open-named = Déplier « { $name } »
close-named = Replier « { $name } »
taken = existe déjà
skipped = ignoré
already-here = déjà ici
folder-taken = dossier existant
barred = trop gros
hidden = caché
same-here = { $count ->
    [one] { $amount } est déjà ici, exactement identique, et n’est pas envoyé à nouveau.
   *[other] { $amount } sont déjà ici, exactement identiques, et ne sont pas envoyés à nouveau.
}
comparing = Comparaison avec les fichiers déjà ici…
here-already = { $size } sont déjà ici après un transfert interrompu et ne sont pas envoyés à nouveau.
free-there = { $size } libres
no-room = Espace insuffisant : { $needed } nécessaires, { $free } libres.
receive-anyway = Recevoir quand même
receive-anyway-means = Pour les disques qui ont plus d’espace qu’ils ne le disent, parce qu’ils compressent ce qu’on y enregistre. Si le disque se remplit malgré tout, le transfert attendra de l’espace.
too-large = { $more ->
    [0] Trop gros pour ce disque, et donc non reçu : { $names }.
    [one] Trop gros pour ce disque, et donc non reçus : { $names } et { $more } autre.
   *[other] Trop gros pour ce disque, et donc non reçus : { $names } et { $more } autres.
} Un fichier peut y faire au plus { $most }.
not-kept-times = { $count ->
    [one] Le disque ne retient pas quand un fichier a été modifié : { $count } fichier a reçu une autre date.
   *[other] Le disque ne retient pas quand un fichier a été modifié : { $count } fichiers ont reçu une autre date.
}
not-kept-executable = { $count ->
    [one] Le disque ne retient pas quels fichiers sont des programmes : { $count } fichier ne peut pas être exécuté.
   *[other] Le disque ne retient pas quels fichiers sont des programmes : { $count } fichiers ne peuvent pas être exécutés.
}
not-kept-private = { $count ->
    [one] Le disque ne retient pas qui peut lire un fichier : { $count } fichier que seul l’expéditeur pouvait lire peut être lu par d’autres ici.
   *[other] Le disque ne retient pas qui peut lire un fichier : { $count } fichiers que seul l’expéditeur pouvait lire peuvent être lus par d’autres ici.
}
conflicts = { $count ->
    [one] { $count } nom existe déjà dans ce dossier :
   *[other] { $count } noms existent déjà dans ce dossier :
}
conflict-named = Que faire de « { $name } »
compared = Ici : { $here } · nouveau : { $new }
keep-both = Conserver les deux
replace = Remplacer
skip = Ignorer
keep-both-means = Le nouveau fichier reçoit un numéro : vacances (2).mov.
replace-means = Un fichier existant est remplacé dès que le nouveau est complet. Un dossier existant reste, et le fichier qui arrive reçoit un numéro dans son nom.
merges = { $count ->
    [one] { $count } dossier de ce nom existe déjà à cet endroit :
   *[other] { $count } dossiers existent déjà à cet endroit :
}
merge = Fusionner
keep-both-folders-means = Le nouveau dossier reçoit un numéro : photos (2).
merge-means = Ce qui arrive est placé dans le dossier existant.
skip-folder-means = Le dossier existant reste tel quel, et rien du nouveau n’est reçu.
guarded = { $more ->
    [0] Non coché, car caché : { $names }.
    [one] Non cochés, car cachés : { $names } et { $more } autre.
   *[other] Non cochés, car cachés : { $names } et { $more } autres.
} Des programmes cherchent de tels noms dans votre dossier personnel, et certains exécutent ce qu’ils y trouvent. Ne cochez que ce que vous attendez.
skip-means = Le fichier existant reste, et le nouveau n’est pas reçu.
repaired = Ces noms ne peuvent pas être enregistrés ici. Ils deviennent :
accept = Recevoir { $amount }
accept-text = Afficher le texte
accept-nothing = Rien à recevoir : fermer
decline = Refuser

## La fin

sent = { $side ->
    [named] Envoyé à { $who }
   *[receiver] Envoyé
}
sent-to = { $count ->
    [one] Envoyé à { $count } personne
   *[other] Envoyé à { $count } personnes
}
received = { $side ->
    [named] Reçu de { $who }
   *[sender] Reçu
}
text-sent = { $side ->
    [named] Texte envoyé à { $who }
   *[receiver] Texte envoyé
}
text-received = { $side ->
    [named] Texte reçu de { $who }
   *[sender] Texte reçu
}
all-there = Déjà là-bas
all-here = Déjà ici
some-there = { $count ->
    [one] { $count } était déjà là-bas
   *[other] { $count } étaient déjà là-bas
}
some-here = { $count ->
    [one] { $count } était déjà ici
   *[other] { $count } étaient déjà ici
}
left-out-there = { $count ->
    [one] le destinataire en a écarté { $count }
   *[other] le destinataire en a écarté { $count }
}
missing = { $count ->
    [one] { $count } manquant
   *[other] { $count } manquants
}
open = Ouvrir
show-in-folder = Afficher dans le dossier
move-to = Déplacer vers…
relocating = Déplacement vers { $folder } · { $done } sur { $total }
saved-in = Dans { $folder }
copy-report = Copier le rapport
copy-text = Copier le texte
show-more = Tout afficher
show-less = Afficher moins
not-sent = Non envoyé
not-received = Non reçu
try-again = Réessayer
correct-code = Corriger le code
send-again = Envoyer à nouveau
send-missing = Envoyer ce qui manque
kept-in = La partie arrivée est conservée. Lors d’un nouvel envoi, seul le reste est transféré.
kept-in-vain = La partie arrivée est conservée. Un autre essai dans le même dossier finirait de la même façon.
only-shown = { $path } est un programme, ou peut en lancer un. Caiman se contente de l’afficher dans son dossier.
not-moved = Tout n’a pas été déplacé : { $cause } Le reste demeure où il est.
not-opened = { $path } ne peut pas être ouvert : aucun programme de cet ordinateur ne l’ouvre.
not-opened-gone = { $path } ne peut pas être ouvert : il n’existe plus.
report-detail = Pour le dépannage : { $detail }

## Erreurs : ce qui s’est passé

err-wrong-code = Le code est incorrect à partir du troisième mot.
err-guessed = Trois codes incorrects ont été essayés : ce code ne fonctionne plus.
err-retired = Ce code ne fonctionne plus : trop de codes incorrects ont été essayés.
err-nobody = Aucun expéditeur trouvé pour ce code sur { $relay }.
err-nobody-anywhere = Aucun expéditeur trouvé pour ce code.
err-offline = Aucun relais ne répond sur Internet, et l’expéditeur ne peut donc pas y être trouvé.
err-nobody-local = Aucun expéditeur trouvé pour ce code sur le réseau local.
err-nobody-either = Aucun expéditeur trouvé pour ce code sur { $relay } ni sur le réseau local.
err-only-strangers = { $count ->
    [one] Seul un inconnu a répondu, qui ne connaît pas ce code.
   *[other] { $count } inconnus ont répondu, et aucun d’eux ne connaît ce code.
}
err-code-taken = Quelqu’un utilise déjà ce code.
err-declined = { $side ->
    [named] { $who } a refusé.
   *[receiver] Le destinataire a refusé.
}
err-peer-cancelled = { $side ->
    [named] { $who } a arrêté le transfert.
    [sender] L’expéditeur a arrêté le transfert.
   *[receiver] Le destinataire a arrêté le transfert.
}
err-cancelled = Vous avez arrêté le transfert.
err-gave-way = Les mêmes fichiers sont maintenant reçus avec un autre code.
err-you-declined = Vous avez refusé.
err-peer-lost = { $side ->
    [named] La connexion avec { $who } a été perdue.
    [sender] La connexion avec l’expéditeur a été perdue.
   *[receiver] La connexion avec le destinataire a été perdue.
}
err-peer-gone = { $side ->
    [named] Plus rien ne peut être proposé à { $who }.
   *[receiver] Plus rien ne peut être proposé au destinataire.
}
err-nobody-got-it = { $came ->
    [0] Personne n’a utilisé le code.
    [one] Le seul destinataire n’a pas reçu l’envoi.
   *[other] Aucun des { $came } destinataires n’a reçu l’envoi.
}
err-peer-silent = { $side ->
    [named] { $who } n’a pas répondu depuis { $seconds } secondes.
    [sender] L’expéditeur n’a pas répondu depuis { $seconds } secondes.
   *[receiver] Le destinataire n’a pas répondu depuis { $seconds } secondes.
}
err-unconfirmed = { $side ->
    [named] Tout a été envoyé, mais la connexion a été perdue avant que { $who } puisse confirmer que tout est enregistré.
   *[receiver] Tout a été envoyé, mais la connexion a été perdue avant que le destinataire puisse confirmer que tout est enregistré.
}
err-peer-no-space = { $side ->
    [named] Le disque de { $who } est plein.
    [sender] Le disque de l’expéditeur est plein.
   *[receiver] Le disque du destinataire est plein.
}
err-peer-cant-save = { $side ->
    [named] { $who } ne peut pas enregistrer les fichiers.
   *[receiver] Le destinataire ne peut pas enregistrer les fichiers.
}
err-peer-cant-read = { $side ->
    [named] { $who } ne peut pas lire ses fichiers.
   *[sender] L’expéditeur ne peut pas lire ses fichiers.
}
err-peer-complains = { $side ->
    [named] { $who } s’est arrêté par sécurité : ce qui y est arrivé était incohérent.
    [sender] L’ordinateur de l’expéditeur s’est arrêté par sécurité : ce qui y est arrivé était incohérent.
   *[receiver] L’ordinateur du destinataire s’est arrêté par sécurité : ce qui y est arrivé était incohérent.
}
err-peer-damaged = { $side ->
    [named] Des fichiers sont arrivés endommagés sur { $who }, même après un nouvel envoi.
   *[receiver] Des fichiers sont arrivés endommagés chez le destinataire, même après un nouvel envoi.
}
err-peer-network = { $side ->
    [named] { $who } a perdu la connexion.
    [sender] L’expéditeur a perdu la connexion.
   *[receiver] Le destinataire a perdu la connexion.
}
err-peer-withdrawn = Le fichier ne peut plus être envoyé.
err-peer-closed = { $side ->
    [named] { $who } a fermé Caiman.
    [sender] L’expéditeur a fermé Caiman.
   *[receiver] Le destinataire a fermé Caiman.
}
err-peer-unsuited = { $side ->
    [named] { $who } ne peut pas recevoir cela.
   *[receiver] Le destinataire ne peut pas recevoir cela.
}
err-peer-internal = { $side ->
    [named] Une erreur interne s’est produite dans Caiman sur { $who }.
    [sender] Une erreur interne s’est produite dans le Caiman de l’expéditeur.
   *[receiver] Une erreur interne s’est produite dans le Caiman du destinataire.
}
err-misbehaved = { $side ->
    [named] Arrêté par sécurité : { $who } a envoyé quelque chose d’incohérent.
    [sender] Arrêté par sécurité : l’ordinateur de l’expéditeur a envoyé quelque chose d’incohérent.
   *[receiver] Arrêté par sécurité : l’ordinateur du destinataire a envoyé quelque chose d’incohérent.
}
err-peer-older = { $side ->
    [named] { $who } a un Caiman plus ancien.
    [sender] L’expéditeur a un Caiman plus ancien.
   *[receiver] Le destinataire a un Caiman plus ancien.
}
err-peer-newer = { $side ->
    [named] { $who } a un Caiman plus récent.
    [sender] L’expéditeur a un Caiman plus récent.
   *[receiver] Le destinataire a un Caiman plus récent.
}
err-read = { $path } ne peut pas être lu :
err-write = { $path } ne peut pas être enregistré :
err-save-in = Rien ne peut être enregistré dans { $path } :
err-damaged = « { $name } » est arrivé endommagé, même après un nouvel envoi.
err-withdrawn = « { $name } » ne peut pas être envoyé : il { $reason }.
withdrawn-changed = a été modifié après son ajout
withdrawn-vanished = n’existe plus
withdrawn-unreadable = n’a pas pu être lu
unfit-denied = ne peut pas être lu : vous n’en avez pas l’autorisation
unfit-gone = n’existe plus
unfit-unreadable = ne peut pas être lu
unfit-name = a un nom qui ne peut pas être envoyé
unfit-deep = se trouve dans trop de dossiers imbriqués ; envoyez séparément l’un des dossiers intérieurs
unfit-link-out = est un lien qui mène hors de ce qui est envoyé
unfit-link = est un lien vers quelque chose sans nom utilisable
unfit-no-size = ne dit pas quelle taille il fait
unfit-special = n’est ni un fichier, ni un dossier, ni un lien
err-internal = Une erreur interne s’est produite dans Caiman, et ce transfert s’est arrêté.
err-unsuited = C’est impossible ici.
err-no-random = Cet ordinateur ne fournit pas de nombres aléatoires : rien ne peut donc être chiffré.
err-nothing = Il n’y a rien à envoyer.
err-special = { $path } n’est ni un fichier ni un dossier.
err-no-size = { $path } ne dit pas quelle taille il fait.
err-too-many = Il est impossible d’envoyer plus d’un million de fichiers et de dossiers à la fois.
err-too-much-text = Les noms de tous ces fichiers sont trop longs pour être envoyés à la fois.
err-croc-10-off = L’expéditeur utilise croc 10, désactivé dans les paramètres.
err-unsendable = Cela ne peut pas être envoyé : certains noms ou certaines tailles ne tiennent pas dans une offre.
err-long-text = Un texte peut faire au plus { $limit }.
err-no-relay-here = Aucun relais ne peut fonctionner sur cet ordinateur, et sans relais personne ne peut trouver le code.
misbehaved-frame = Il a envoyé un message incompréhensible.
misbehaved-offer = Il a envoyé une offre incohérente.
misbehaved-heard = Il a confirmé quelque chose qui n’a jamais été envoyé.
misbehaved-unread = Il ne lit pas ce qui lui est envoyé.
misbehaved-record = Il a envoyé quelque chose dont les parties ne vont pas ensemble.
misbehaved-turn = Il a envoyé un message au mauvais moment.
misbehaved-croc = Il a envoyé quelque chose qu’aucun croc n’envoie.
misbehaved-block = Il a envoyé quelque chose qui n’était pas demandé.
misbehaved-twice = Il a envoyé deux fois la même partie d’un fichier.
misbehaved-entry = Il a mentionné un fichier qui n’est pas dans l’offre.
misbehaved-invitation = Il a envoyé une invitation incohérente.
misbehaved-iterations = Il a demandé un chiffrement trop faible ou trop lent.
misbehaved-lanes = Il a ouvert plus ou moins de connexions que convenu.
misbehaved-early = Il a dit que tout était envoyé alors que ce n’était pas le cas.
cause-full = le disque est plein.
cause-denied = vous n’en avez pas l’autorisation.
cause-read-only = le disque est en lecture seule.
cause-gone = il n’existe pas.
cause-no-folder = ce n’est pas un dossier.
cause-in-the-way = autre chose se trouve à sa place.
cause-name = cet ordinateur ne peut pas enregistrer son nom.
cause-too-large = ce disque n’accepte pas de fichiers aussi gros.
cause-busy = un autre programme l’utilise.
cause-other-disk = ce dossier est sur un autre disque. Copiez-y les fichiers avec le gestionnaire de fichiers.
cause-other = { $detail }.
cause-silent = il ne répond pas
cause-no-network = cet ordinateur n’a pas de réseau
cause-no-way = aucun chemin n’y mène
cause-forbidden = cet ordinateur ne l’autorise pas, peut-être à cause d’un pare-feu
cause-no-such-host = aucun ordinateur ne porte ce nom

## Erreurs : si quelque chose est perdu

lost-nothing-sent = Rien n’a été envoyé.
lost-nothing-received = Rien n’a été reçu, et rien n’a été modifié ici.
lost-nothing-here = Vos fichiers sont intacts.
lost-only-missing-moves = Vos fichiers sont intacts. Lors d’un nouvel envoi, seul ce qui manque est transféré.
lost-used-there = Cet autre transfert utilise ce qui était déjà arrivé.
lost-arrived-kept = Les fichiers arrivés sont complets. Celui qui ne l’est pas est gardé à part.
lost-removed = Rien n’en a été enregistré.

## Erreurs : que faire ensuite

next-wrong-code = Comparez-le mot à mot avec le code de l’expéditeur, puis réessayez. { $left ->
    [one] Il reste { $left } essai.
   *[other] Il reste { $left } essais.
}
next-compare-code = Comparez-le mot à mot avec le code de l’expéditeur, puis réessayez.
next-ask-new-code = Demandez-en un nouveau à l’expéditeur.
next-send-again-safely = Envoyez à nouveau pour obtenir un nouveau code, et veillez à ce que seule la bonne personne l’entende.
next-nobody-anywhere = Vérifiez les deux premiers mots. La fenêtre de l’expéditeur doit être ouverte et sur Internet, et la date correcte sur les deux ordinateurs.
next-offline = Vérifiez que cet ordinateur est sur Internet. Certains réseaux ne laissent rien passer vers ces relais ; un autre réseau aide alors.
next-nobody = Vérifiez les deux premiers mots. La fenêtre de l’expéditeur doit être ouverte, sur le même réseau ou le même relais.
next-only-strangers = Comparez le code avec celui de l’expéditeur. S’il est correct, quelqu’un se fait passer pour l’expéditeur : demandez un nouveau code, et utilisez un autre réseau ou un autre relais.
next-code-taken = Patientez un instant, puis réessayez.
next-declined = Demandez à l’autre personne, puis envoyez à nouveau.
next-ask-again = Demandez un nouvel envoi.
next-internal-send = Envoyez à nouveau ; seul ce qui manque est transféré. Copiez aussi le rapport et envoyez-le aux développeurs de Caiman, pour qu’ils puissent corriger l’erreur.
next-internal-ask = Demandez un nouvel envoi ; seul ce qui manque est transféré. Copiez aussi le rapport et envoyez-le aux développeurs de Caiman, pour qu’ils puissent corriger l’erreur.
next-ask-if-wanted = Si vous le voulez toujours, demandez un nouvel envoi.
next-check-send = Vérifiez le réseau des deux côtés, puis envoyez à nouveau.
next-check-ask = Vérifiez le réseau des deux côtés, puis demandez un nouvel envoi.
next-unconfirmed = Demandez si tout est arrivé, et n’envoyez à nouveau que si ce n’est pas le cas.
next-peer-gone = Envoyez à nouveau, avec un code à part.
next-nobody-got-it = Envoyez à nouveau pour obtenir un nouveau code.
next-misbehaved-send = Envoyez à nouveau. Si cela se reproduit, l’un des deux programmes est défectueux.
next-misbehaved-ask = Demandez un nouvel envoi. Si cela se reproduit, l’autre programme est défectueux ou n’est pas Caiman.
next-peer-no-space = Demandez à l’autre personne de libérer de l’espace, puis envoyez à nouveau.
next-peer-says-more = La fenêtre de l’autre personne en dit plus.
next-update-peer = Demandez à l’autre personne de mettre Caiman à jour, puis envoyez à nouveau.
next-update-here = Mettez Caiman à jour sur cet ordinateur, puis réessayez.
next-no-space = Libérez de l’espace ou choisissez un autre dossier, puis demandez un nouvel envoi.
next-damaged-send = Envoyez à nouveau. Si cela se reproduit, la mémoire ou le disque de l’un des ordinateurs est peut-être défectueux.
next-damaged-ask = Demandez un nouvel envoi. Si cela se reproduit, la mémoire ou le disque de l’un des ordinateurs est peut-être défectueux.
next-peer-closed = Dès qu’il est rouvert, envoyez à nouveau : seul ce qui manque est transféré.
next-peer-closed-ask = Dès qu’il est rouvert, demandez un nouvel envoi : seul ce qui manque est transféré.
next-withdrawn = Envoyez à nouveau quand plus rien ne le modifie.
next-make-room = Libérez de l’espace, puis demandez un nouvel envoi.
next-permission = Choisissez quelque chose auquel vous avez accès, ou changez ses autorisations.
next-folder-permission = Choisissez un autre dossier ou changez ses autorisations, puis demandez un nouvel envoi.
next-other-folder = Choisissez un autre dossier, puis demandez un nouvel envoi.
next-disk-send = Vérifiez le disque, puis envoyez à nouveau.
next-disk-ask = Vérifiez le disque, puis demandez un nouvel envoi.
next-gone = Choisissez à nouveau les fichiers.
next-copy-first = Copiez son contenu dans un fichier à vous, et envoyez ce fichier.
next-start-again = Fermez Caiman et relancez-le.
next-restart = Redémarrez l’ordinateur, puis réessayez.
next-pack = Mettez le tout dans une archive, ou envoyez-le en plusieurs fois.
next-croc-10 = Autorisez croc 10 à la page croc des paramètres, ou demandez à l’expéditeur d’utiliser croc 11.
next-as-file = Enregistrez-le dans un fichier et envoyez ce fichier.
next-add-relay = Ajoutez un relais dans les paramètres, puis envoyez à nouveau.
next-relay-turned-away = Vérifiez l’adresse du relais dans les paramètres, ou utilisez un autre relais.
next-proxy = Vérifiez le proxy dans les paramètres, sous les relais ; avec « off », il n’y en a pas.
next-relay-unreachable = Vérifiez le réseau et l’adresse du relais dans les paramètres.
next-relay-address = Vérifiez l’adresse du relais dans les paramètres.
next-relay-lost = Vérifiez le réseau, puis réessayez.
next-relay-lost-ask = Vérifiez le réseau, puis demandez un nouvel envoi.
next-relay-password = Demandez le mot de passe à l’exploitant du relais et saisissez-le dans les paramètres.
next-relay-older = Demandez à l’exploitant du relais de le mettre à jour, ou utilisez un autre relais.
next-wait-a-minute = Patientez une minute, puis réessayez.
next-fewer-here = Attendez que d’autres transferts de votre réseau soient terminés, ou utilisez un autre relais.
next-other-relay = Réessayez plus tard, ou utilisez un autre relais.

## Ce qui ne va pas avec un relais

relay-turned-away = Le relais { $relay } refuse les connexions : aucun relais n’y fonctionne, ou il n’accepte pas cet ordinateur.
proxy-unreachable = Le relais { $relay } est injoignable : le proxy { $proxy } ne répond pas, ou aucun chemin n’y mène.
proxy-no-such-host = Le relais { $relay } est injoignable : aucun ordinateur ne porte le nom du proxy { $proxy }.
proxy-silent = Le relais { $relay } est injoignable : le proxy { $proxy } ne répond pas à temps.
proxy-login = Le relais { $relay } est injoignable : le proxy { $proxy } exige un nom d’utilisateur et un mot de passe, ou n’accepte pas ceux qui sont donnés.
proxy-refused = Le relais { $relay } est injoignable : le proxy { $proxy } refuse la connexion ({ $detail }).
proxy-failed = Le relais { $relay } est injoignable : le proxy { $proxy } ne le joint pas ({ $detail }).
proxy-not-one = Le relais { $relay } est injoignable : ce qui répond à { $proxy } n’est pas un proxy de ce type.
proxy-unusable = Le relais { $relay } est injoignable : { $proxy }, dans l’environnement, désigne un proxy que Caiman ne peut pas utiliser.
relay-unreachable = Le relais { $relay } est injoignable : { $reason }.
relay-not-one = Ce qui répond à { $relay } n’est pas un relais Caiman.
relay-lost = La connexion au relais a été perdue.
relay-password-required = Le relais exige un mot de passe.
relay-password-wrong = Le mot de passe du relais est incorrect.
relay-older = Le relais a un Caiman plus ancien.
relay-newer = Le relais a un Caiman plus récent.
relay-no-room = Aucun expéditeur trouvé pour ce code.
relay-code-busy = Quelqu’un d’autre utilise ce code en ce moment.
relay-other-sender = Ce relais accompagne un autre transfert et ne sert qu’à lui.
relay-too-many-joins = Trop de codes ont été essayés d’ici dans la dernière minute.
relay-too-much-here = Trop de transferts de votre réseau utilisent le relais.
relay-full = Le relais est plein.
relay-stopping = Le relais est en train de s’arrêter.
relay-confused = Le relais n’a pas compris ce programme.
iroh-silent = Aucun relais iroh ne répond à { $relay }.
iroh-unusable = Le relais iroh { $relay } répond, mais il est inutilisable : { $cause }.
iroh-refused = Le relais iroh { $relay } ne sert que ceux qu’il connaît.
iroh-here = Cet ordinateur ne peut essayer aucun relais iroh : { $cause }.
host-port-taken = Le port { $port } est utilisé par un autre programme. Choisissez-en un autre.
host-port-forbidden = Vous n’avez pas le droit d’utiliser le port { $port } sur cet ordinateur. Choisissez un port à partir de 1024.
host-no-address = Cet ordinateur n’a pas l’adresse { $address }. Choisissez l’une des siennes.
host-too-many-ports = { $count } ports de données, c’est trop. Choisissez-en moins.
host-cant-listen = Le relais ne peut pas utiliser le port { $port } : { $cause }
host-broke = Une erreur interne s’est produite dans Caiman, et le relais s’est arrêté. Ce que les développeurs de Caiman doivent savoir : { $detail }.

## Le programme lui-même

desk-broke = Une erreur interne s’est produite dans Caiman, et une étape n’a pas été faite. Tout le reste continue.
notify-asked-body = Ouvrez Caiman pour voir.
notify-done = { $name } : terminé
notify-trouble = { $name } : un problème est survenu
awake-why = Des fichiers sont en cours de transfert
quit-question = Des fichiers sont encore en cours de transfert
quit-question-resting = Des transferts ne sont pas encore terminés
quit-question-copying = Des fichiers sont encore en cours de déplacement
quit-question-waiting = Fermer Caiman ?
quit-codes = { $count ->
    [one] Un code attend encore. Une fois Caiman quitté, personne ne pourra plus recevoir avec lui.
   *[other] { $count } codes attendent encore. Une fois Caiman quitté, personne ne pourra plus recevoir avec eux.
}
quit-relay = Votre relais fonctionne. Une fois Caiman quitté, personne ne pourra plus l’utiliser.
quit-means = Les transferts s’arrêtent. Vous pourrez les continuer plus tard avec un nouveau code.
quit-copies = Des fichiers reçus sont en cours de déplacement vers un autre disque. La copie s’arrête, et ils restent où ils étaient.
quit-people = Les personnes qui vous connaissent ne peuvent plus envoyer à cet ordinateur. Ce que vous envoyez à des personnes reprend au prochain démarrage.
quit-stay = Continuer en arrière-plan
quit-anyway = Quitter
quit-keep-means = « Continuer en arrière-plan » range la fenêtre. Si le bureau a une zone de notification, l’icône de Caiman y permet de la rouvrir.
quit-remember = Ne plus demander
waiting-codes = { $count ->
    [one] Un code attend
   *[other] { $count } codes attendent
}
waiting-relay = Votre relais fonctionne
waiting-transfers = Des fichiers sont en cours de transfert
waiting-copies = Des fichiers reçus sont en cours de déplacement
waiting-people = Des personnes peuvent vous envoyer
tray-open = Ouvrir Caiman
tray-quit = Quitter
login-failed = Le démarrage de Caiman à l’ouverture de session n’a pas pu être modifié : { $detail }
settings-problem = Une partie des paramètres n’a pas pu être lue. { $detail }
history-problem = Une partie de l’historique n’a pas pu être lue. { $detail }
store-unreadable = { $path } ne peut pas être lu : { $cause } Le fichier reste tel quel, et rien n’est enregistré tant qu’il ne peut pas être lu.
store-not-toml = { $path } est endommagé à la ligne { $line }.
store-not-text = { $path } n’est pas un fichier de texte.
store-too-large = { $path } est trop gros pour venir de Caiman.
store-kept = Il est conservé sous le nom { $path }.
store-in-place = Il sera mis de côté dès que quelque chose sera enregistré.
store-entries = Dans { $path }, ces entrées sont ignorées : { $entries }. Le fichier sera conservé à côté du nouveau dès que quelque chose sera enregistré.
expected-number = « { $key } » doit être un nombre de { $from } à { $to }
expected-switch = « { $key } » doit être true ou false
expected-text = « { $key } » doit être un texte entre guillemets droits
expected-one-of = « { $key } » doit être l’un de { $choices }
expected-address = « { $key } » doit être hôte ou hôte:port, entre guillemets droits
expected-ports = « { $key } » doit être des ports comme "27002-27009", ou "none"
expected-proxy = « { $key } » doit être un proxy comme "socks5://host:port", ou "off"
expected-iroh-relays = « { $key } » doit être une liste d’adresses comme ["https://relay.example.org"]
expected-computer-name = « { $key } » doit être un nom d’au plus 40 caractères entre guillemets droits
expected-table = « { $key } » doit être une table
expected-transfer = « { $key } » n’est pas un transfert que cette version connaît
expected-person = « { $key } » n’est pas une personne avec un nom et une clé à elle
unsaved-no-folder = Rien ne peut être enregistré : ce compte n’a pas de dossier pour les fichiers de Caiman. Indiquez-en un avec CAIMAN_CONFIG_DIR et CAIMAN_DATA_DIR.
unsaved-disk = { $path } ne peut pas être enregistré : { $cause } Ce qui s’y trouvait avant n’a pas changé.
interrupted-receive = Caiman a été fermé pendant la réception de « { $name } » dans { $folder }. Ce qui est arrivé est gardé ; la suite est indiquée plus bas, sous « Inachevés ».
interrupted-send = Caiman a été fermé pendant l’envoi de « { $name } ». Vos fichiers sont intacts. Envoyez à nouveau : seul ce qui manque est transféré.

## Pourquoi la fenêtre ne s’ouvre pas

start-no-window = Caiman ne peut pas ouvrir sa fenêtre
start-no-display = Il n’y a pas d’écran sur lequel ouvrir la fenêtre ({ $why }).
start-refused = L’écran ne permet pas à Caiman d’ouvrir une fenêtre. Lancez-le avec le compte dont la session y est ouverte.
start-toolkit = Quelque chose dont la fenêtre a besoin sur ce système manque ou est défectueux.
start-no-opengl = OpenGL ne fonctionne pas ici.
start-no-vulkan = Vulkan ne fonctionne pas ici.
start-no-graphics = Ni OpenGL ni Vulkan ne fonctionnent ici.
start-failed = Caiman ne peut pas démarrer : { $detail }.
start-lost = La connexion à l’écran a été perdue. Relancez Caiman.
start-install = Ceci installe ce qui manque peut-être :
start-driver = Un pilote plus récent pour la carte graphique peut aider.
start-without = Sans fenêtre, « caiman send FICHIER » et « caiman receive » font le même travail dans un terminal.
silent-unset = { $variable } n’est pas définie
silent-no-answer = { $variable } vaut { $value }, où rien ne répond
silent-no-library = Wayland répond, mais la bibliothèque libwayland-client.so.0 manque
instance-no-location = Caiman ne peut pas savoir s’il est déjà lancé : chaque lancement ouvre donc sa propre fenêtre.
instance-no-answer = Caiman est déjà lancé, mais il ne répond pas. Fermez sa fenêtre, ou arrêtez le programme s’il est bloqué, puis relancez-le.
instance-refused = La fenêtre de Caiman déjà ouverte n’a pas accepté cela. Déposez-y les fichiers, ou fermez-la et relancez Caiman.
instance-too-much = C’est trop de fichiers à transmettre à la fenêtre à la fois. Envoyez le dossier où ils se trouvent.
arrival-neither = « { $name } » n’est ni un fichier ni un code.
arrival-link-not-alone = Un lien d’invitation ne peut pas être ouvert avec autre chose. Ouvrez seulement le lien.
arrival-missing = « { $name } » n’existe pas et ne peut donc pas être envoyé.

## Paramètres

set-internet = Internet
set-general = Général
set-advanced = Avancé
set-relays = Relais
set-host = Héberger un relais
set-internet-on = Envoyer et recevoir par Internet
set-internet-hint = Par Internet, les codes fonctionnent entre deux foyers quelconques, sans relais à installer.
set-internet-public = Quand deux ordinateurs ne peuvent pas se joindre, des relais publics transmettent les données chiffrées. Ils sont exploités par number 0, gratuits, à débit limité et sans aucune garantie. Ils voient des adresses, des heures et des volumes, jamais de noms ni de contenus.
set-internet-own = Quand deux ordinateurs ne peuvent pas se joindre, vos relais iroh transmettent les données chiffrées. Ils voient des adresses, des heures et des volumes, jamais de noms ni de contenus. L’autre personne doit elle aussi utiliser l’un d’eux.
set-public-relays = Relais publics de number 0
set-not-in-use = non utilisé
set-add-iroh = Ajouter votre propre relais iroh
set-iroh-named = relais iroh { $number }
set-bad-iroh = Saisissez une adresse comme https://relay.example.org.
set-iroh-good = Joignable, { $latency } ms, aide à trouver des chemins directs
set-iroh-blind = Joignable, { $latency } ms. Il ne dit pas leurs adresses aux ordinateurs (par UDP, en général port 7842) : peu d’entre eux trouvent donc un chemin direct.
set-proxy = Proxy
set-proxy-example = aucun, ou celui de l’environnement
set-proxy-hint = Les relais situés ailleurs sont joints par ce proxy : socks5://host:port, http://host:port, ou « off ». Les connexions directes et Internet ne passent pas par lui ; pour Tor, choisissez l’itinéraire « Relais » et désactivez Internet.
set-bad-proxy = Saisissez un proxy comme socks5://host:1080 ou http://user:password@host:3128, ou off.
set-relays-hint = Un relais relie deux ordinateurs qui ne peuvent pas se joindre. Il ne voit ni les noms ni les contenus. Caiman utilise le premier qui répond ; pour recevoir, il les interroge tous. Tant qu’Internet est activé, aucun n’est nécessaire.
set-add-relay = Ajouter un relais
set-new-relay = Nouveau relais
set-raise = Monter « { $name } »
set-edit = Modifier « { $name } »
set-remove = Retirer « { $name } »
set-test = Tester
set-test-named = Tester « { $name } »
set-croc = croc
set-croc-hint = Caiman peut aussi recevoir de personnes qui ont croc, et leur envoyer. Un code de croc protège moins qu’un code de Caiman.
set-croc-sends = Donner aussi à chaque envoi un code pour croc
set-croc-sends-hint = Le premier qui vient reçoit les fichiers. On peut aussi le régler pour chaque envoi, sous « Options ».
set-croc-10 = Aussi avec croc 10
set-croc-10-hint = croc 10 est la version plus ancienne et protège moins que croc 11.
set-croc-public = Relais publics de croc
set-add-croc = Ajouter votre propre relais croc
set-croc-address-hint = relay.example.org ou relay.example.org:9009
set-croc-password-hint = s’il en a un
set-in-use = utilisé
set-good = Joignable, { $latency } ms
set-good-password = Joignable, { $latency } ms, mot de passe accepté
set-address = Adresse
set-address-hint = hôte, hôte:port, ou ce que le responsable a copié
set-bad-address = Saisissez un hôte ou hôte:port, par exemple relay.example.org:27001.
set-name = Nom
set-name-hint = C’est ce que voit l’autre personne. Si ce champ est vide, c’est le nom que le système donne à cet ordinateur.
set-bad-name = Un nom a au plus { $most } caractères et aucun saut de ligne.
set-tell-name = Indiquer ce nom à l’autre personne, une fois le code prouvé
set-no-name = aucun
set-optional = facultatif
set-password = Mot de passe
set-show-passwords = Afficher les mots de passe
set-host-hint = Faites fonctionner un relais ici pour que d’autres puissent transférer des fichiers par cet ordinateur. Il ne voit ni noms ni contenus, et n’écrit rien sur le disque.
set-host-start = Démarrer le relais
set-host-stop = Arrêter le relais
set-host-runs = Le relais fonctionne sur les ports { $ports }.
set-host-will-use = Il utilisera les ports { $ports }.
set-copy-all = Adresse et mot de passe
set-copy-relay = Copier l’adresse et le mot de passe de { $address }
set-host-stopping = Le relais laisse les transferts en cours se terminer, puis s’arrête.
set-host-at-start = Démarrer avec Caiman
set-host-restart = Redémarrez le relais pour appliquer ce changement.
set-host-local = D’autres personnes de votre réseau peuvent le joindre à ces adresses.
set-host-public = D’autres personnes peuvent le joindre à ces adresses, sauf si un pare-feu les en empêche.
set-host-nobody = Cet ordinateur n’est sur aucun réseau : personne d’autre ne peut le joindre pour l’instant.
set-copy-address = Copier { $address }
set-port = Port
set-bad-port = Un port est un nombre de 1 à 65535.
set-data-ports = Ports de données
set-bad-ports = Saisissez des ports comme 27002-27009, ou none.
set-words = Mots par code
set-words-hint = Quatre mots sont sûrs : un code ne sert qu’une fois et autorise trois essais.
set-receivers = Destinataires
set-receivers-hint = Combien de personnes peuvent utiliser un code.
set-lanes = Connexions
set-lanes-hint = Le plus grand nombre de connexions parallèles d’un transfert.
set-path = Itinéraire
set-path-automatic = Automatique
set-path-local = Réseau local
set-path-relay = Relais
set-path-automatic-hint = Directement quand les deux ordinateurs peuvent se joindre, sinon par un relais.
set-path-local-hint = Les données restent sur le réseau local, et Internet n’est pas utilisé.
set-path-relay-hint = Toujours par un relais, aussi par Internet : l’autre personne n’apprend donc pas les adresses de cet ordinateur.
set-direct-port = Port pour les connexions directes
set-any-port = n’importe lequel
set-map-port = Demander au routeur de laisser entrer les connexions directes
set-map-port-hint = Pendant un transfert, avec PCP, NAT-PMP ou UPnP si le routeur le permet. Le code reste nécessaire.
set-rate = Limite de débit
set-no-limit = aucune, ou par exemple 5 Mo/s
set-bad-rate = Saisissez un débit comme 5 Mo/s ou 500 ko/s, ou laissez ce champ vide.
set-keep-awake = Empêcher la mise en veille pendant les transferts
set-closing = Fermer la fenêtre
set-closing-ask = Demande
set-closing-keep = Laisse Caiman en marche
set-closing-quit = Quitte Caiman
set-closing-hint = Tant qu’un code attend, que votre relais fonctionne, que des personnes peuvent vous envoyer ou que des fichiers sont en cours de transfert. S’il n’y a rien à perdre, Caiman quitte toujours.
set-at-login = Démarrer à l’ouverture de session
set-look = Apparence
set-look-system = Comme le système
set-look-light = Claire
set-look-dark = Sombre
set-scale = Taille
set-language = Langue
set-language-system = Comme le système
set-motion = Animations
set-motion-system = Comme le système
set-motion-less = Réduites
set-motion-full = Normales
set-notifications = Avertir quand quelque chose se passe en arrière-plan
set-system = Système de fenêtres
set-system-automatic = Automatique
set-system-hint = X11 aide là où il n’est pas possible de déposer des fichiers sur la fenêtre. S’applique après un redémarrage.
releases = Versions
licences = Licences

## Historique

history-empty = Les transferts terminés apparaissent ici.
history-clear = Effacer l’historique
history-question = Effacer l’historique ?
history-keep = Le garder
history-means = { $count ->
    [one] Une entrée est retirée de la liste. Les fichiers restent où ils sont.
   *[other] { $count } entrées sont retirées de la liste. Les fichiers restent où ils sont.
}
history-forget = Retirer « { $name } » de l’historique
history-sent = { $side ->
    [named] Envoyé à { $who }
   *[receiver] Envoyé
}
history-received = { $side ->
    [named] Reçu de { $who }
   *[sender] Reçu
}
history-done = Complet
history-partial = { $count ->
    [one] { $count } manquant
   *[other] { $count } manquants
}
history-cancelled = Arrêté
history-declined = Refusé
history-interrupted = Interrompu
history-running = En cours
history-today = Aujourd’hui, { $time }
history-on = { $date }, { $time }
