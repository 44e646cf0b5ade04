using System.Text.Json;

namespace EdgeAgent.Contracts.Devices;

/// <summary>Reads profiles of firmware-profiles/; <c>profile.schema.json</c> there says the same for editors.</summary>
public static class ProfileLoader
{
    /// <summary>Version of the profile's document format.</summary>
    public const int Schema = 1;

    private const long MaxFileBytes = 1 << 20;

    /// <exception cref="ProfileException">The file cannot be read or breaks the schema; names file and JSON path.</exception>
    public static DeviceProfile Load(string path)
    {
        byte[] json;
        try
        {
            var info = new FileInfo(path);
            if (info.Exists && info.Length > MaxFileBytes)
                throw new ProfileException($"{path}: is {info.Length} bytes; a profile has at most {MaxFileBytes}");
            json = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ProfileException($"{path}: cannot be read ({e.Message.ReplaceLineEndings(" ")}); name a file of firmware-profiles/");
        }
        return Parse(json, path);
    }

    /// <summary>Loads a profile by its id from a directory, listing what is there when it is not.</summary>
    /// <exception cref="ProfileException">There is no such profile, or it is not valid.</exception>
    public static DeviceProfile LoadById(string directory, string id)
    {
        var path = Path.Combine(directory, id + ".json");
        if (!DeviceId.TryParse(id, out _) || !File.Exists(path))
            throw new ProfileException($"profile '{id}' is not in {directory}; there are {string.Join(", ", Ids(directory))}");
        return Load(path);
    }

    /// <summary>Ids of the profiles in a directory, in ordinal order.</summary>
    public static IReadOnlyList<string> Ids(string directory) => Directory.Exists(directory)
        ? [.. Directory.EnumerateFiles(directory, "*.json")
            .Select(file => Path.GetFileNameWithoutExtension(file))
            .Where(name => !name.EndsWith(".schema", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)]
        : [];

    /// <param name="json">The document as UTF-8.</param>
    /// <param name="source">What errors call the document, usually its path.</param>
    /// <exception cref="ProfileException">The document breaks the schema; names source and JSON path.</exception>
    public static DeviceProfile Parse(ReadOnlyMemory<byte> json, string source)
    {
        using var document = ParseJson(json, source);
        var root = new JsonNodeReader(document.RootElement, "$", source)
            .Object("$schema", "schema", "id", "name", "cpu", "memory", "power", "int8", "budgets", "published");
        root.Member("schema").Integer(Schema, Schema);
        var id = root.Member("id");
        if (!DeviceId.TryParse(id.String(), out _))
            throw id.Fault($"'{id.String()}' is not valid: use 1 to 64 of a-z, 0-9, '.', '_', '-'");
        return new DeviceProfile
        {
            Id = id.String(),
            Name = root.Member("name").String(),
            Cpu = Cpu(root.Member("cpu")),
            Memory = Memory(root.Member("memory")),
            Power = Power(root.Member("power")),
            Int8 = Int8(root.Member("int8")),
            Budgets = root.Optional("budgets") is { } budgets ? Budgets(budgets) : new ProfileBudgets(),
            Published = root.Optional("published") is { } published ? [.. published.Items(0, 100).Select(Published)] : [],
        };
    }

    private static JsonDocument ParseJson(ReadOnlyMemory<byte> json, string source)
    {
        try
        {
            return JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 16, CommentHandling = JsonCommentHandling.Skip });
        }
        catch (JsonException e)
        {
            throw new ProfileException($"{source}: $: is not JSON (line {e.LineNumber + 1}, byte {e.BytePositionInLine}); mend it there");
        }
    }

    private static ProfileCpu Cpu(JsonNodeReader node)
    {
        node.Object("core", "architecture", "isa", "cores", "clockGhz", "int8MacsPerCycle", "float32MacsPerCycle", "cacheBytes");
        return new ProfileCpu(
            node.Member("core").String(),
            node.Member("architecture").OneOf("arm64", "x64"),
            [.. node.Member("isa").Items(1, 16).Select(i => i.OneOf("neon", "dotprod", "fp16", "sse4.1", "avx2", "avx-vnni", "avx512-vnni"))],
            node.Member("cores").Figure(1, 256),
            node.Member("clockGhz").Figure(0.1, 10),
            node.Member("int8MacsPerCycle").Figure(1, 4096),
            node.Member("float32MacsPerCycle").Figure(1, 1024),
            [.. node.Member("cacheBytes").Items(1, 4).Select(c => c.Figure(1024, 1L << 30))]);
    }

    private static ProfileMemory Memory(JsonNodeReader node)
    {
        node.Object("bytes", "copyGBps", "fillGBps");
        return new ProfileMemory(
            node.Member("bytes").Figure(1 << 20, 1L << 40),
            node.Member("copyGBps").Figure(0.01, 1000),
            node.Member("fillGBps").Figure(0.01, 1000));
    }

    private static ProfilePower Power(JsonNodeReader node)
    {
        node.Object("idleW", "activeW", "sensor");
        return new ProfilePower(
            node.Member("idleW").Figure(0.01, 1000),
            node.Member("activeW").Figure(0.01, 1000),
            node.Member("sensor").OneOf("external-ina", "pmic", "ina3221", "rapl", "none"));
    }

    private static ProfileInt8 Int8(JsonNodeReader node)
    {
        node.Object("engine", "activations", "channelMultiple", "accelerator");
        return new ProfileInt8(
            node.Member("engine").OneOf("int8", "onnxruntime") == "int8" ? EngineKind.Int8 : EngineKind.Onnxruntime,
            node.Member("activations").OneOf("u8", "s8", "symmetric") switch
            {
                "u8" => ActivationFormat.U8,
                "s8" => ActivationFormat.S8,
                _ => ActivationFormat.Symmetric,
            },
            node.Member("channelMultiple").Integer(1, 64),
            node.Member("accelerator").OneOf("none", "tensorrt"));
    }

    private static ProfileBudgets Budgets(JsonNodeReader node)
    {
        node.Object("maxLatencyMs", "maxModelBytes", "maxEnergyMj");
        return new ProfileBudgets(
            node.Optional("maxLatencyMs")?.Number(0.001, 1e6),
            (long?)node.Optional("maxModelBytes")?.Number(1, 1e12),
            node.Optional("maxEnergyMj")?.Number(1e-6, 1e9));
    }

    private static PublishedLatency Published(JsonNodeReader node)
    {
        node.Object("network", "precision", "threads", "ms", "from");
        return new PublishedLatency(
            node.Member("network").String(),
            node.Member("precision").OneOf("float32", "int8"),
            node.Member("threads").Integer(1, 256),
            node.Member("ms").Number(0.0001, 1e6),
            node.Member("from").String());
    }
}
