"""Secrets of many kinds, and turns that tell one. Made up, all of them."""

from __future__ import annotations

# Put together here, so that no scanner takes this file for a leak.
LETTERS = "aB3dE5fG7hJ9kL1mN2pQ4rS6tU8vW0xY"
SECRETS = {
    "a card": "4111 1111 1111 1111",
    "a card in one": "5500005555555559",
    "an account": "GB82 WEST 1234 5698 7654 32",
    "an aws key": "AKIA" + "IOSFODNN7EXAMPLE",
    "an aws secret": "wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY",
    "a github token": "ghp_" + LETTERS + "zzzz",
    "a gitlab token": "glpat-" + LETTERS[:20],
    "a slack token": "xoxb-123456789012-1234567890123-" + LETTERS[:24],
    "a stripe key": "sk_live_" + LETTERS[:24],
    "an openai key": "sk-" + LETTERS + LETTERS[:16],
    "a google key": "AIza" + LETTERS + "abc",
    "a jwt": "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0." + LETTERS,
    "a private key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKC\n-----END RSA PRIVATE KEY-----",
    "a sendgrid key": "SG." + LETTERS[:22] + "." + LETTERS + "abcdefghijk",
    "an npm token": "npm_" + LETTERS + "wxyz",
    "a telegram token": "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5" + "PALDsaw",
    "a hex key": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "a social security number": "078-05-1120",
}
TOLD = {
    "My wifi password is hunter2.": "hunter2",
    "the PIN for my bank card is 4821, just so you know": "4821",
    "hunter2 is my password": "hunter2",
    "You need the door code: 1937.": "1937",
    "My seed phrase is apple boat cat dog egg fig gun hat ice jam kit lip": "apple boat cat",
    "the cvv is 737 by the way": "737",
    "postgres://bob:s3cr3tword@db.example.com/x is the database": "s3cr3tword",
    "passport number: 533380006": "533380006",
    "log in with the passphrase correct horse battery staple": "",
    "My Netflix login is bob@x.com with password Qwerty12": "Qwerty12",
    "the PUK is 12345678": "12345678",
    "my memorable word is rosebud": "rosebud",
    "my mother's maiden name is Kowalczyk, for the bank": "Kowalczyk",
    "PIN 4821": "4821",
    "passcode 9921 gets you in": "9921",
    "it's password hunter2 on the wifi": "hunter2",
    "I use hunter2 everywhere as my password": "hunter2",
    "My passwords are hunter2 and swordfish": "swordfish",
    "bank acct 12345678 sort 20-00-00": "12345678",
    "NI number QQ 12 34 56 C": "12 34 56",
    "my passport is 533380006": "533380006",
    "The alarm is disarmed with 5512": "5512",
    "my Visa 4532015112830366, exp 04/29, cvc 123": "123",
    "admin / letmein is the user and pass for the router": "letmein",
    "my wallet phrase: legal winner thank year wave sausage": "sausage",
}
