using EdgeAgent.Contracts.Artifacts;

namespace EdgeAgent.Contracts.Fleet;

/// <summary>
/// Paths of the controller's REST API. All but <see cref="Enrol"/> and <see cref="Health"/> ask for the administrator's
/// token as <c>Authorization: Bearer</c>. Errors are RFC 9457 problem documents whose <c>detail</c> is one line.
/// </summary>
public static class FleetRoutes
{
    public const string Health = "/api/health";

    /// <summary>POST <see cref="Devices.EnrolmentRequest"/> -> <see cref="Devices.EnrolmentResponse"/>; 401 wrong token, 409 id taken.</summary>
    public const string Enrol = "/api/enrol";

    /// <summary>POST <see cref="Devices.EnrolmentTokenRequest"/> -> <see cref="Devices.EnrolmentToken"/>.</summary>
    public const string EnrolmentTokens = "/api/enrolment-tokens";

    /// <summary>GET -> PEM strings; POST <see cref="VerifyingKey"/>: public keys that devices pin at enrolment.</summary>
    public const string VerifyingKeys = "/api/verifying-keys";

    /// <summary>GET -> <see cref="Devices.DeviceSummary"/>[].</summary>
    public const string Devices = "/api/devices";

    /// <summary>PUT a <see cref="Contracts.Devices.DeviceProfile"/> document; GET -> ids. The controller needs a profile before it chooses for it.</summary>
    public const string Profiles = "/api/profiles";

    /// <summary>PUT the bytes of a file; 204, or 400 when they do not have this digest. HEAD: 200 or 404.</summary>
    public const string Blobs = "/api/blobs";

    /// <summary>POST <see cref="SignedEnvelope"/> -> <see cref="PackageSummary"/>, after all its blobs; GET -> <see cref="PackageSummary"/>[].</summary>
    public const string Packages = "/api/packages";

    /// <summary>POST <see cref="Deployments.RolloutRequest"/> -> 201 <see cref="Deployments.RolloutStatus"/>; GET -> all.</summary>
    public const string Rollouts = "/api/rollouts";

    /// <summary>GET ?device=&amp;model=&amp;limit= -> <see cref="Benchmarks.StoredReport"/>[], newest first.</summary>
    public const string Reports = "/api/reports";

    /// <summary>GET -> <see cref="Costs.CostModel"/>[] of the profile, fitted ones first; see <see cref="Costs"/>.</summary>
    public const string CostModels = "/api/cost-models";

    public static string Device(Contracts.Devices.DeviceId device) => $"{Devices}/{device.Value}";

    public static string Profile(string id) => $"{Profiles}/{id}";

    public static string Blob(Sha256Digest digest) => $"{Blobs}/{digest}";

    public static string Rollout(string id) => $"{Rollouts}/{id}";

    /// <param name="id">The rollout.</param>
    /// <param name="action">pause, resume or abort; POST -> <see cref="Deployments.RolloutStatus"/>.</param>
    public static string RolloutAction(string id, string action) => $"{Rollouts}/{id}/{action}";

    public static string CostModelsOf(string profile) => $"{CostModels}/{profile}";
}

/// <param name="Pem">SubjectPublicKeyInfo of an ECDSA P-256 key.</param>
public sealed record VerifyingKey(string Pem);

/// <summary>A package as the controller lists it.</summary>
public sealed record PackageSummary(Sha256Digest Digest, string Model, long Version, string Student, string Profile, double Accuracy, long Bytes, double? PredictedUs, DateTimeOffset Expires);
