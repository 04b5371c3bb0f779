//! Which certificates of servers are accepted, and why others are not.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};

/// Verifies as rustls does, but also takes a server's certificate that is itself one of `ca_file`, whatever it says of what
/// it is for: whoever has its key is who the host named. One that signed itself, as `openssl req -x509` makes them, says that
/// it is an authority, and webpki takes none of these for a server's; OpenSSL does, and so do curl and Python.
#[derive(Debug)]
pub(super) struct Verifier {
    webpki: Arc<WebPkiServerVerifier>,
    further: Vec<CertificateDer<'static>>,
}

impl Verifier {
    /// `further`: those of `ca_file`.
    pub fn new(further: &[CertificateDer<'static>], provider: Arc<CryptoProvider>) -> Result<Self, String> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        roots.add_parsable_certificates(further.iter().cloned());
        let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
        Ok(Self { webpki: webpki.map_err(|error| error.to_string())?, further: further.to_vec() })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.webpki.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // By then webpki has looked at its time, not yet at its name.
            Err(Error::InvalidCertificate(why)) if is_authority(&why) && self.further.contains(end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

fn is_authority(why: &CertificateError) -> bool {
    let CertificateError::Other(OtherError(inner)) = why else { return false };
    inner.downcast_ref::<webpki::Error>() == Some(&webpki::Error::CaUsedAsEndEntity)
}

/// Why a certificate is not accepted, without what it says: it is the server's own text.
pub(super) fn why_not(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::UnknownIssuer => "nobody known has signed it (ca_file can hold the certificate of who has)",
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "its time is over",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "its time has not come",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => "it is of another name",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => "it is not for a server",
        why if is_authority(why) => "it is an authority's own (ca_file can hold it)",
        CertificateError::Revoked => "it was revoked",
        CertificateError::BadSignature => "its signature is wrong",
        CertificateError::BadEncoding => "it is broken",
        _ => "it can't be verified",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls::crypto::ring::default_provider;
    use rustls_pki_types::pem::PemObject;

    use super::*;

    /// Signed itself, of `localhost` and 127.0.0.1, until the year 2126: `openssl req -x509` made it.
    const OWN: &[u8] = include_bytes!("../../tests/data/certificates/self-signed.pem");

    #[test]
    fn a_certificate_of_ca_file_itself_is_a_servers() {
        let own = CertificateDer::from_pem_slice(OWN).unwrap();
        let year = |year: u64| UnixTime::since_unix_epoch(Duration::from_secs((year - 1970) * 31_557_600));
        let verify = |further: &[CertificateDer<'static>], name: &'static str, now| {
            let verifier = Verifier::new(further, Arc::new(default_provider())).unwrap();
            let name = ServerName::try_from(name).unwrap();
            match verifier.verify_server_cert(&own, &[], &name, &[], now) {
                Ok(_) => "accepted",
                Err(Error::InvalidCertificate(why)) => why_not(&why),
                Err(error) => panic!("{error}"),
            }
        };
        let known = [own.clone()];
        assert_eq!(verify(&known, "localhost", year(2027)), "accepted");
        assert_eq!(verify(&known, "127.0.0.1", year(2027)), "accepted");
        assert_eq!(verify(&known, "example.org", year(2027)), "it is of another name");
        assert_eq!(verify(&known, "localhost", year(2200)), "its time is over");
        assert_eq!(verify(&known, "localhost", year(2001)), "its time has not come");
        assert_eq!(verify(&[], "localhost", year(2027)), "it is an authority's own (ca_file can hold it)");
    }
}
