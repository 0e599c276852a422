import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.proc.DefaultJOSEObjectTypeVerifier;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jose.util.JSONObjectUtils;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.proc.DefaultJWTClaimsVerifier;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * nimbus-jose-jwt: finds the key set by the issuer's discovery document, then verifies tokens, one a
 * line. Check ISSUER AUDIENCE: {"id", "token"} in, {"id", "accepted", "error"} out.
 */
public final class Check {
  private Check() {}

  public static void main(String[] args) throws Exception {
    String issuer = args[0];
    String audience = args[1];
    Map<String, Object> found;
    try (var stream = URI.create(issuer + "/.well-known/openid-configuration").toURL().openStream()) {
      found = JSONObjectUtils.parse(new String(stream.readAllBytes(), StandardCharsets.UTF_8));
    }
    if (!issuer.equals(found.get("issuer"))) {
      throw new IllegalStateException("another issuer");
    }
    Set<JWSAlgorithm> algorithms = new HashSet<>();
    for (String name :
        JSONObjectUtils.getStringList(found, "id_token_signing_alg_values_supported")) {
      algorithms.add(JWSAlgorithm.parse(name));
    }
    var keys =
        JWKSourceBuilder.<SecurityContext>create(
                URI.create(JSONObjectUtils.getString(found, "jwks_uri")).toURL())
            .build();
    var processor = new DefaultJWTProcessor<SecurityContext>();
    processor.setJWSTypeVerifier(
        new DefaultJOSEObjectTypeVerifier<>(new JOSEObjectType("at+jwt")));
    processor.setJWSKeySelector(new JWSVerificationKeySelector<>(algorithms, keys));
    processor.setJWTClaimsSetVerifier(
        new DefaultJWTClaimsVerifier<>(
            audience, new JWTClaimsSet.Builder().issuer(issuer).build(), Set.of("exp", "sub")));
    try (var in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        Map<String, Object> asked = JSONObjectUtils.parse(line);
        Map<String, Object> told = new HashMap<>();
        told.put("id", asked.get("id"));
        try {
          processor.process((String) asked.get("token"), null);
          told.put("accepted", true);
        } catch (Exception error) {
          told.put("accepted", false);
          told.put("error", String.valueOf(error.getMessage()));
        }
        System.out.println(JSONObjectUtils.toJSONString(told));
      }
    }
  }
}
