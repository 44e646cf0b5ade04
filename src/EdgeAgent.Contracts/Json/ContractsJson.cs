using System.Text.Json;
using System.Text.Json.Serialization;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Contracts.Costs;
using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Fleet;

namespace EdgeAgent.Contracts.Json;

/// <summary>
/// The JSON of every document on the wire and in packages: camelCase, nulls left out, unknown members ignored on
/// reading, so that a newer writer does not break an older reader.
/// </summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    MaxDepth = 32)]
[JsonSerializable(typeof(BlobRequest))]
[JsonSerializable(typeof(BenchmarkReport))]
[JsonSerializable(typeof(CostModel))]
[JsonSerializable(typeof(IReadOnlyList<CostModel>))]
[JsonSerializable(typeof(DesiredState))]
[JsonSerializable(typeof(DeviceCommand))]
[JsonSerializable(typeof(DeviceProfile))]
[JsonSerializable(typeof(DeviceStatus))]
[JsonSerializable(typeof(DeviceSummary))]
[JsonSerializable(typeof(IReadOnlyList<DeviceSummary>))]
[JsonSerializable(typeof(EnrolmentRequest))]
[JsonSerializable(typeof(EnrolmentResponse))]
[JsonSerializable(typeof(EnrolmentToken))]
[JsonSerializable(typeof(EnrolmentTokenRequest))]
[JsonSerializable(typeof(HardwareReport))]
[JsonSerializable(typeof(Manifest))]
[JsonSerializable(typeof(PackageSummary))]
[JsonSerializable(typeof(IReadOnlyList<PackageSummary>))]
[JsonSerializable(typeof(ReportBatch))]
[JsonSerializable(typeof(ReportEvent))]
[JsonSerializable(typeof(ReportedState))]
[JsonSerializable(typeof(RolloutRequest))]
[JsonSerializable(typeof(RooflineReport))]
[JsonSerializable(typeof(RolloutStatus))]
[JsonSerializable(typeof(IReadOnlyList<RolloutStatus>))]
[JsonSerializable(typeof(SignedEnvelope))]
[JsonSerializable(typeof(IReadOnlyList<StoredReport>))]
[JsonSerializable(typeof(IReadOnlyList<string>))]
[JsonSerializable(typeof(VerifyingKey))]
public sealed partial class ContractsJson : JsonSerializerContext;
