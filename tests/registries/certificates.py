"""Certificates for the tests' servers and clients: one authority, and what it signed."""

import subprocess

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


def openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def make_authority(folder, name="ca"):
    openssl(folder, "req", "-x509", *KEY, "-days", "30", "-subj", "/CN=" + name, "-keyout", name + ".key", "-out",
            name + ".pem")


def make_certificate(folder, name, names="DNS:localhost,IP:127.0.0.1", ca="ca"):
    """NAME.pem and NAME.key."""
    (folder / "extensions").write_text("subjectAltName=%s\n" % names)
    openssl(folder, "req", *KEY, "-subj", "/CN=" + name, "-keyout", name + ".key", "-out", "request.pem")
    openssl(folder, "x509", "-req", "-in", "request.pem", "-CA", ca + ".pem", "-CAkey", ca + ".key", "-CAcreateserial",
            "-extfile", "extensions", "-days", "30", "-out", name + ".pem")
