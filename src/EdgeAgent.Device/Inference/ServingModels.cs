using System.Collections.Concurrent;
using EdgeAgent.Device.Slots;

namespace EdgeAgent.Device.Inference;

/// <summary>The models that serve now, by name. Thread-safe: a switch waits for the inference that runs.</summary>
internal sealed class ServingModels(EngineLoader loader) : IDisposable
{
    private readonly ConcurrentDictionary<string, Served> _models = new(StringComparer.Ordinal);

    /// <summary>The package that serves under a name, if any.</summary>
    public SlotPackage? Package(string model) => _models.TryGetValue(model, out var served) ? served.Package : null;

    /// <summary>Loads a package and lets it serve in place of what served before; null lets nothing serve.</summary>
    /// <exception cref="ModelUnusableException">It cannot run here; what served before goes on.</exception>
    public void Replace(string model, SlotPackage? package)
    {
        if (Package(model)?.Digest == package?.Digest)
            return;
        var next = package is null ? null : new Served(package, loader.Load(package.Manifest));
        Served? before = null;
        if (next is not null)
            _models.AddOrUpdate(model, next, (_, old) => { before = old; return next; });
        else
            _models.TryRemove(model, out before);
        before?.Dispose();
    }

    /// <summary>One inference of the model that serves.</summary>
    /// <returns>False where no model of this name serves.</returns>
    public bool TryUse<T>(string model, Func<IInferenceEngine, T> use, out T? result)
    {
        while (_models.TryGetValue(model, out var served))
        {
            lock (served)
            {
                // Replaced between the look-up and the lock: the next round finds the new one.
                if (served.IsDisposed)
                    continue;
                result = use(served.Engine);
                return true;
            }
        }
        result = default;
        return false;
    }

    public void Dispose()
    {
        foreach (var served in _models.Values)
            served.Dispose();
        _models.Clear();
    }

    private sealed class Served(SlotPackage package, IInferenceEngine engine) : IDisposable
    {
        public SlotPackage Package => package;

        public IInferenceEngine Engine => engine;

        public bool IsDisposed { get; private set; }

        public void Dispose()
        {
            lock (this)
            {
                if (IsDisposed)
                    return;
                IsDisposed = true;
                engine.Dispose();
            }
        }
    }
}
