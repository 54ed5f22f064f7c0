// A service of SCIM made of `scimmy-routers` of npm: protocol, filters, PATCH and paging are theirs, and only the shelf that
// resources lie on is here. Each tenant, the first part of the path, has a shelf of its own.
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const [port, features] = [Number(process.argv[2]), JSON.parse(process.argv[3])];
const shelves = new Map();
let made = 0;

function shelf({ tenant }, name) {
    const key = `${tenant} ${name}`;
    if (!shelves.has(key)) shelves.set(key, new Map());
    return shelves.get(key);
}

function declare(Resource, name, unique) {
    Resource.egress((resource, context) => {
        const all = shelf(context, name);
        if (!resource.id) return resource.filter?.match([...all.values()]) ?? [...all.values()];
        if (!all.has(resource.id)) throw new SCIMMY.Types.Error(404, null, `Resource ${resource.id} not found`);
        return all.get(resource.id);
    });
    Resource.ingress((resource, instance, context) => {
        const all = shelf(context, name);
        if (resource.id && !all.has(resource.id)) {
            throw new SCIMMY.Types.Error(404, null, `Resource ${resource.id} not found`);
        }
        const given = JSON.parse(JSON.stringify(instance));
        const id = resource.id ?? `k${++made}`;
        const same = (text) => String(text).toLowerCase();
        const taken = [...all.values()].some((other) => other.id !== id && same(other[unique]) === same(given[unique]));
        if (taken) throw new SCIMMY.Types.Error(409, "uniqueness", `${unique} is taken`);
        const now = new Date().toISOString();
        const created = all.get(id)?.meta?.created ?? now;
        all.set(id, { ...given, id, meta: { resourceType: name, created, lastModified: now } });
        return all.get(id);
    });
    Resource.degress((resource, context) => {
        if (!shelf(context, name).delete(resource.id)) {
            throw new SCIMMY.Types.Error(404, null, `Resource ${resource.id} not found`);
        }
    });
}

declare(SCIMMY.Resources.User, "User", "userName");
declare(SCIMMY.Resources.Group, "Group", "displayName");
SCIMMY.Resources.declare(SCIMMY.Resources.User);
SCIMMY.Resources.declare(SCIMMY.Resources.Group);
SCIMMY.Config.set(features);

const app = express();
app.use("/:tenant/v2", new SCIMMYRouters({
    type: "bearer",
    handler: (request) => {
        if (request.header("Authorization") !== "Bearer t") throw new Error("the token is wrong");
        return "tests";
    },
    context: (request) => request.params,
}));
app.listen(port, "127.0.0.1");
