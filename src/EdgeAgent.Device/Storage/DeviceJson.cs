using System.Text.Json.Serialization;
using EdgeAgent.Device.Deployment;
using EdgeAgent.Device.Enrolment;
using EdgeAgent.Device.Reports;

namespace EdgeAgent.Device.Storage;

/// <summary>The JSON of the agent's own files; what goes over the wire is in <see cref="Contracts.Json.ContractsJson"/>.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    MaxDepth = 16)]
[JsonSerializable(typeof(DeviceIdentity))]
[JsonSerializable(typeof(DeploymentRecord))]
[JsonSerializable(typeof(SpoolHeader))]
internal sealed partial class DeviceJson : JsonSerializerContext;
