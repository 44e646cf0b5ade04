using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Device.Storage;

namespace EdgeAgent.Device.Enrolment;

/// <summary>First start: turns the command line into an identity on disk.</summary>
internal static class Enroller
{
    /// <summary>A device that is not enrolled yet needs more options than one that is.</summary>
    /// <exception cref="UsageException">Some are missing.</exception>
    public static void CheckUsage(CommandLine line)
    {
        var identity = Path.Combine(line.State, StateDirectory.IdentityName);
        if (!File.Exists(identity) && line is not { Controller: not null, EnrolToken: not null, Device: not null, Profile: not null })
            throw new UsageException($"the device is not enrolled yet ({identity} does not exist); give --controller, --enrol-token, --device and --profile or --emulate-profile");
    }

    /// <exception cref="AgentException">One line: what is refused.</exception>
    public static async Task<DeviceIdentity> EnrolAsync(CommandLine line, string identityPath, HardwareReport hardware, TimeProvider time, CancellationToken cancellation)
    {
        var (controller, token, device, profile) = (line.Controller!, line.EnrolToken!, line.Device!.Value, line.Profile!);
        var activeW = line.ProfileFile is { } file ? ActivePower(file, profile) : (double?)null;
        var caPem = line.CaFile is { } ca ? ReadText(ca, "--ca") : null;
        var trusted = line.TrustFiles.Select(f => ReadText(f, "--trust")).ToList();
        // Before the id is claimed: a claim is made only once.
        CheckKeys(trusted, "--trust");

        var request = new EnrolmentRequest { Token = token, Device = device, Profile = profile, Emulated = line.Emulated, Hardware = hardware };
        var response = await EnrolmentClient.EnrolAsync(controller, request, caPem, time, cancellation);
        var keys = trusted.Count > 0 ? trusted : response.VerifyingKeys;
        CheckKeys(keys, controller.ToString());
        var identity = new DeviceIdentity
        {
            Device = device,
            Profile = profile,
            Emulated = line.Emulated,
            Secret = response.Secret,
            Broker = response.Broker,
            VerifyingKeys = keys,
            CaPem = caPem,
            ActiveW = activeW,
        };
        identity.Save(identityPath);
        return identity;
    }

    private static double ActivePower(string file, string profile)
    {
        try
        {
            var document = ProfileLoader.Load(file);
            return document.Id == profile
                ? document.Power.ActiveW.Value
                : throw new AgentException($"{file} is profile {document.Id}; --profile says {profile}");
        }
        catch (ProfileException e)
        {
            throw new AgentException(e.Message, e);
        }
    }

    private static void CheckKeys(IReadOnlyList<string> keys, string from)
    {
        try
        {
            new PackageVerifier(keys).Dispose();
        }
        catch (FormatException e)
        {
            throw new AgentException($"a verifying key of {from} is refused: {e.Message}; make keys with 'edgectl keys new'", e);
        }
    }

    private static string ReadText(string path, string option)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new AgentException($"file {path} of {option} cannot be read ({e.Message.ReplaceLineEndings(" ")}); give a readable file", e);
        }
    }
}
