; The installer for Windows, for the current user alone, so it needs no administrator: makensis, called by ../release.sh with
; -DVERSION, -DFOLDER (what is installed) and -DOUTPUT. `/S` installs silently, and the uninstaller removes silently.
; For 64-bit systems, as the program is.
Target amd64-unicode
ManifestDPIAware true
ManifestSupportedOS Win10
SetCompressor /SOLID lzma
RequestExecutionLevel user

!include MUI2.nsh
!include LogicLib.nsh
!include FileFunc.nsh

!define ID "arpa.home.Caiman"
!define CLASSES "Software\Classes"
!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\${ID}"
; Where the program has itself started at login, if the user wants that (src/app/desktop/login/run_key.rs), and where Windows keeps
; whether that was turned off.
!define RUN "Software\Microsoft\Windows\CurrentVersion\Run"
!define APPROVED "Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run"

Name "Caiman"
OutFile "${OUTPUT}"
InstallDir "$LOCALAPPDATA\Programs\Caiman"
InstallDirRegKey HKCU "${UNINSTALL}" "InstallLocation"
BrandingText "Caiman ${VERSION}"

VIProductVersion "${VERSION}.0"
VIAddVersionKey /LANG=0 "ProductName" "Caiman"
VIAddVersionKey /LANG=0 "ProductVersion" "${VERSION}"
VIAddVersionKey /LANG=0 "FileVersion" "${VERSION}"
VIAddVersionKey /LANG=0 "FileDescription" "Caiman setup"
VIAddVersionKey /LANG=0 "CompanyName" "The Caiman authors"
VIAddVersionKey /LANG=0 "LegalCopyright" "MIT or Apache-2.0"

!define MUI_ICON "..\..\assets\icon\caiman.ico"
!define MUI_UNICON "..\..\assets\icon\caiman.ico"
!define MUI_FINISHPAGE_RUN "$INSTDIR\caimanw.exe"
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"
!insertmacro MUI_LANGUAGE "German"
!insertmacro MUI_LANGUAGE "French"

LangString SEND ${LANG_ENGLISH} "Send with Caiman"
LangString SEND ${LANG_GERMAN} "Mit Caiman senden"
LangString SEND ${LANG_FRENCH} "Envoyer avec Caiman"
LangString INVITE ${LANG_ENGLISH} "Caiman invite"
LangString INVITE ${LANG_GERMAN} "Caiman-Einladung"
LangString INVITE ${LANG_FRENCH} "Invitation Caiman"
LangString RUNS ${LANG_ENGLISH} "Caiman is running. Close it, then try again."
LangString RUNS ${LANG_GERMAN} "Caiman läuft noch. Schließen Sie es und versuchen Sie es dann erneut."
LangString RUNS ${LANG_FRENCH} "Caiman est en cours d’exécution. Fermez-le, puis réessayez."

; A program that runs can't be replaced or removed.
!macro WaitUntilClosed PREFIX
Function ${PREFIX}WaitUntilClosed
  again:
  ${IfNot} ${FileExists} "$INSTDIR\caiman.exe"
    Return
  ${EndIf}
  ClearErrors
  FileOpen $0 "$INSTDIR\caiman.exe" a
  ${If} ${Errors}
    MessageBox MB_RETRYCANCEL|MB_ICONEXCLAMATION "$(RUNS)" /SD IDCANCEL IDRETRY again
    SetErrorLevel 2
    Abort
  ${EndIf}
  FileClose $0
FunctionEnd
!macroend
!insertmacro WaitUntilClosed ""
!insertmacro WaitUntilClosed "un."

; Explorer starts one Caiman for each of several files, so this entry is for one. "Send to" takes any number at once.
!macro MenuEntry CLASS
  WriteRegStr HKCU "${CLASSES}\${CLASS}\shell\Caiman" "" "$(SEND)"
  WriteRegStr HKCU "${CLASSES}\${CLASS}\shell\Caiman" "Icon" "$INSTDIR\caimanw.exe"
  WriteRegStr HKCU "${CLASSES}\${CLASS}\shell\Caiman" "MultiSelectModel" "Single"
  WriteRegStr HKCU "${CLASSES}\${CLASS}\shell\Caiman\command" "" '"$INSTDIR\caimanw.exe" "%1"'
!macroend

Section
  Call WaitUntilClosed
  SetOutPath "$INSTDIR"
  ; register.cmd does in an unpacked zip what this section does.
  File "${FOLDER}\caiman.exe" "${FOLDER}\caimanw.exe"
  ; Apart, since a folder that the user has chosen may have files of such names.
  SetOutPath "$INSTDIR\caiman-doc"
  File "${FOLDER}\README.md" "${FOLDER}\LICENSE-MIT" "${FOLDER}\LICENSE-APACHE" "${FOLDER}\third-party.txt"
  SetOutPath "$INSTDIR"
  WriteUninstaller "$INSTDIR\uninstall.exe"

  CreateShortcut "$SMPROGRAMS\Caiman.lnk" "$INSTDIR\caimanw.exe"
  CreateShortcut "$SENDTO\Caiman.lnk" "$INSTDIR\caimanw.exe"
  !insertmacro MenuEntry "*"
  !insertmacro MenuEntry "Directory"
  WriteRegStr HKCU "${CLASSES}\caiman" "" "URL:$(INVITE)"
  WriteRegStr HKCU "${CLASSES}\caiman" "URL Protocol" ""
  WriteRegStr HKCU "${CLASSES}\caiman\DefaultIcon" "" "$INSTDIR\caimanw.exe"
  WriteRegStr HKCU "${CLASSES}\caiman\shell\open\command" "" '"$INSTDIR\caimanw.exe" "%1"'
  ; `caiman` in the Run dialog and, for programs that ask Windows, everywhere.
  WriteRegStr HKCU "Software\Microsoft\Windows\CurrentVersion\App Paths\caiman.exe" "" "$INSTDIR\caiman.exe"

  WriteRegStr HKCU "${UNINSTALL}" "DisplayName" "Caiman"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayIcon" "$INSTDIR\caimanw.exe"
  WriteRegStr HKCU "${UNINSTALL}" "Publisher" "The Caiman authors"
  WriteRegStr HKCU "${UNINSTALL}" "InstallLocation" "$INSTDIR"
  WriteRegStr HKCU "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKCU "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD HKCU "${UNINSTALL}" "NoModify" 1
  WriteRegDWORD HKCU "${UNINSTALL}" "NoRepair" 1
  ${GetSize} "$INSTDIR" "/S=0K" $0 $1 $2
  WriteRegDWORD HKCU "${UNINSTALL}" "EstimatedSize" $0
SectionEnd

; Settings, history and what has arrived stay.
Section un.
  Call un.WaitUntilClosed
  Delete "$INSTDIR\caiman.exe"
  Delete "$INSTDIR\caimanw.exe"
  Delete "$INSTDIR\caiman-doc\README.md"
  Delete "$INSTDIR\caiman-doc\LICENSE-MIT"
  Delete "$INSTDIR\caiman-doc\LICENSE-APACHE"
  Delete "$INSTDIR\caiman-doc\third-party.txt"
  RMDir "$INSTDIR\caiman-doc"
  Delete "$INSTDIR\uninstall.exe"
  RMDir "$INSTDIR"
  Delete "$SMPROGRAMS\Caiman.lnk"
  Delete "$SENDTO\Caiman.lnk"
  DeleteRegKey HKCU "${CLASSES}\*\shell\Caiman"
  DeleteRegKey HKCU "${CLASSES}\Directory\shell\Caiman"
  DeleteRegKey HKCU "${CLASSES}\caiman"
  DeleteRegKey HKCU "Software\Microsoft\Windows\CurrentVersion\App Paths\caiman.exe"
  DeleteRegValue HKCU "${RUN}" "Caiman"
  DeleteRegValue HKCU "${APPROVED}" "Caiman"
  DeleteRegKey HKCU "${UNINSTALL}"
SectionEnd
