@echo off
rem Run this in the folder that holds caiman.exe and caimanw.exe, which opens its window without a terminal;
rem administrator's rights are not needed. For the current user alone it sets up
rem - "Send with Caiman" in Explorer's menu of a file or folder,
rem - "Caiman" under "Send to" there, which takes any number of them at once,
rem - invite links (caiman:...).
rem "register.cmd /remove" takes all of it back, and the start at login too, which the program itself sets up if the user wants it. After
rem moving the folder, run it again.
setlocal
set "exe=%~dp0caimanw.exe"
set "sendto=%APPDATA%\Microsoft\Windows\SendTo\Caiman.lnk"
rem Of Windows, and not what a folder may hold under these names.
set "reg=%SystemRoot%\System32\reg.exe"
rem Delayed, so that a folder's name may hold any character.
setlocal EnableDelayedExpansion
set "classes=HKCU\Software\Classes"
if /i "%~1"=="/remove" goto remove
if not exist "!exe!" goto missing

call :menu "*"
if errorlevel 1 goto failed
call :menu "Directory"
if errorlevel 1 goto failed
"%reg%" add "%classes%\caiman" /ve /d "URL:Caiman invite" /f >nul
if errorlevel 1 goto failed
"%reg%" add "%classes%\caiman" /v "URL Protocol" /d "" /f >nul
if errorlevel 1 goto failed
"%reg%" add "%classes%\caiman\DefaultIcon" /ve /d "!exe!" /f >nul
if errorlevel 1 goto failed
"%reg%" add "%classes%\caiman\shell\open\command" /ve /d "\"!exe!\" \"%%1\"" /f >nul
if errorlevel 1 goto failed
"%SystemRoot%\System32\WindowsPowerShell\v1.0\powershell.exe" -NoProfile -Command "$s = (New-Object -ComObject WScript.Shell).CreateShortcut($env:sendto); $s.TargetPath = $env:exe; $s.Save()"
if errorlevel 1 goto failed
echo Registered: "!exe!"
exit /b 0

rem The menu entry of a class of things. Explorer would start one Caiman for each of several files, so it is for one.
:menu
set "key=%classes%\%~1\shell\Caiman"
"%reg%" add "%key%" /ve /d "Send with Caiman" /f >nul
if errorlevel 1 exit /b 1
"%reg%" add "%key%" /v Icon /d "!exe!" /f >nul
if errorlevel 1 exit /b 1
"%reg%" add "%key%" /v MultiSelectModel /d Single /f >nul
if errorlevel 1 exit /b 1
"%reg%" add "%key%\command" /ve /d "\"!exe!\" \"%%1\"" /f >nul
exit /b %errorlevel%

:remove
"%reg%" delete "%classes%\*\shell\Caiman" /f >nul 2>&1
"%reg%" delete "%classes%\Directory\shell\Caiman" /f >nul 2>&1
"%reg%" delete "%classes%\caiman" /f >nul 2>&1
"%reg%" delete "HKCU\Software\Microsoft\Windows\CurrentVersion\Run" /v Caiman /f >nul 2>&1
"%reg%" delete "HKCU\Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run" /v Caiman /f >nul 2>&1
if exist "%sendto%" del "%sendto%"
echo Removed.
exit /b 0

:missing
echo There is no "!exe!": run this in the folder of caiman.exe and caimanw.exe.
exit /b 1

:failed
echo Windows refused a setting; "register.cmd /remove" takes back those that were made.
exit /b 1
